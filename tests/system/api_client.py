# SPDX-License-Identifier: Apache-2.0
"""A client of the manager that is made of its OpenAPI document alone: a function for each operation, values of every schema that fit it, and the same with one
member made hostile. It knows no route, no member and no privilege by itself."""
import http.client
import json
import ssl
import urllib.parse


class Client:
    def __init__(self, document, port, cert):
        self.document, self.port = document, port
        self.context = ssl.create_default_context(cafile=cert)
        self.http = None
        self.operations = {}
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                self.operations[operation["operationId"]] = (method.upper(), path, operation)

    def resolve(self, schema):
        while "$ref" in schema:
            at = self.document
            for part in schema["$ref"][2:].split("/"):
                at = at[part]
            schema = at
        return schema

    def value(self, schema, most=False):
        """A value that fits: the least there is, or (most) one with every member."""
        schema = self.resolve(schema)
        if "enum" in schema:
            return schema["enum"][0]
        kind = schema.get("type")
        if kind == "object":
            wanted = schema.get("required", [])
            return {n: self.value(s, most) for n, s in schema.get("properties", {}).items() if most or n in wanted}
        if kind == "array":
            return [self.value(schema["items"], most)] if most or schema.get("minItems") else []
        if kind in ("integer", "number"):
            return max(schema.get("minimum", 0), min(1, schema.get("maximum", 1)))
        if kind == "boolean":
            return False
        return "a" * max(1, schema.get("minLength", 1)) if kind == "string" else {}

    def body(self, operation, most=False):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        return self.value(content["schema"], most) if content else None

    def parameters(self, operation, where):
        return [p for p in map(self.resolve, operation.get("parameters", [])) if p["in"] == where]

    def call(self, name, bearer=None, variables=None, query=None, body=None, raw=None):
        """Status, media type and text of an operation's answer."""
        method, path, operation = self.operations[name]
        for p in self.parameters(operation, "path"):
            text = (variables or {}).get(p["name"], "none")
            path = path.replace("{" + p["name"] + "}", urllib.parse.quote(text, safe=""))
        if query:
            path += "?" + urllib.parse.urlencode(query)
        heads = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        data = raw if raw is not None else None if body is None else json.dumps(body)
        if data is not None:
            heads["Content-Type"] = "application/json"
        for fresh in (False, True):
            try:
                if fresh or not self.http:
                    self.http = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=self.context)
                self.http.request(method, path, data, heads)
                answer = self.http.getresponse()
                text = answer.read().decode()
                if answer.will_close:
                    self.http = None
                return answer.status, answer.headers.get("Content-Type", ""), text
            except (http.client.HTTPException, ConnectionError):
                self.http = None  # a connection that was kept may have ended meanwhile
                if fresh:
                    raise
        return None
