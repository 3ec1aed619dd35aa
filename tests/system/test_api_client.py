# SPDX-License-Identifier: Apache-2.0
"""The API by a client generated from its document: the document as a whole against the specification, every operation
called with what its schema says by everybody, every role of the first start, and SQL, huge and broken values in every field of every operation."""
import json
import os
import re

import pytest

from api_client import Client
from test_api import TOOL, Server

SQL = "x'; DROP TABLE account; --"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if not os.path.exists(TOOL):
        pytest.skip("api_tool is missing")
    s = Server(str(tmp_path_factory.mktemp("client")))
    yield s
    s.end()


@pytest.fixture(scope="module")
def client(server):
    return Client(json.loads(server.curl("/api/v1/openapi.json")[2]), server.port, server.cert)


@pytest.fixture(scope="module")
def admin(server, client):
    status, _, text = client.call("sign-in", body={"code": server.code, "bearer": True})
    assert status == 201, text
    return json.loads(text)["bearer"]


@pytest.fixture(scope="module")
def bearers(client, admin):
    """A user for each role that there is, by a session of their own: roles are given while nobody else could consent."""
    roles = [r["role"] for r in json.loads(client.call("role-list", admin)[2])["items"]]
    assert {"administrator", "operator", "approver", "remediator", "auditor"} <= set(roles)
    out = {}
    for role in sorted(roles, key=lambda r: r in ("approver", "administrator")):
        user = f"as-{role}"
        assert client.call("user-put", admin, {"user": user}, body={})[0] == 200
        status, _, text = client.call("permission-put", admin, body={"object": "", "principal": user, "role": role})
        if status == 403 and "approval-needed" in text:
            continue
        assert status == 204, (role, text)
        out[role] = json.loads(client.call("sign-in", body={"user": user, "password": "right", "bearer": True})[2])["bearer"]
    return out


def is_problem(answer):
    status, kind, text = answer
    return status < 400 or (kind == "application/problem+json" and json.loads(text)["detail"] and json.loads(text)["status"] == status)


# Objects of OpenAPI 3.1.0 that the document may have: what each needs, what else it may have (and any x-), and what lies in its members: a kind, [kind], {kind}.
SHAPES = {
    "document": ("openapi info paths", "servers components security tags externalDocs jsonSchemaDialect webhooks",
                 {"info": "info", "paths": {"path"}, "components": "components", "servers": ["server"]}),
    "info": ("title version", "summary description termsOfService contact license", {"license": "license"}),
    "license": ("name", "identifier url", {}),
    "server": ("url", "description variables", {}),
    "path": ("", "summary description get put post delete options head patch trace servers parameters",
             {m: "operation" for m in ("get", "put", "post", "delete")}),
    "operation": ("responses", "tags summary description externalDocs operationId parameters requestBody callbacks deprecated security servers",
                  {"parameters": ["parameter"], "requestBody": "request", "responses": {"response"}}),
    "parameter": ("name in", "description required deprecated allowEmptyValue style explode allowReserved schema example examples content", {"schema": "schema"}),
    "request": ("content", "description required", {"content": {"media"}}),
    "response": ("description", "headers content links", {"content": {"media"}}),
    "media": ("", "schema example examples encoding", {"schema": "schema"}),
    "components": ("", "schemas responses parameters examples requestBodies headers securitySchemes links callbacks pathItems",
                   {"schemas": {"schema"}, "responses": {"response"}, "securitySchemes": {"security"}}),
    "security": ("type", "description name in scheme bearerFormat flows openIdConnectUrl", {}),
}


def shape_check(document, kind, value, where):
    if isinstance(value, dict) and "$ref" in value and kind != "schema":
        assert set(value) <= {"$ref", "summary", "description"}, where
        assert value["$ref"].startswith("#/components/"), where
        return
    if kind == "schema":
        pytest.importorskip("jsonschema").Draft202012Validator.check_schema(value)
        return
    needed, allowed, inside = SHAPES[kind]
    names = {n for n in value if not n.startswith("x-")}
    assert set(needed.split()) <= names <= set(needed.split()) | set(allowed.split()), (where, kind, names)
    for name, of in inside.items():
        if name not in value:
            continue
        parts = {"": value[name]} if isinstance(of, str) else dict(enumerate(value[name])) if isinstance(of, list) else value[name]
        for at, part in parts.items():
            shape_check(document, of if isinstance(of, str) else next(iter(of)), part, f"{where}/{name}/{at}")


def test_the_document_as_a_whole(client):
    """By a table of the specification's objects; by its own schema, too, where openapi-spec-validator is there."""
    document = client.document
    shape_check(document, "document", document, "")
    assert re.fullmatch(r"3\.1\.\d+", document["openapi"])
    for path, methods in document["paths"].items():
        assert path.startswith("/")
        for operation in methods.values():
            assert all(re.fullmatch(r"[1-5]\d\d|[1-5]XX|default", status) for status in operation["responses"])
            for p in operation.get("parameters", []):
                assert p["in"] in ("query", "header", "path", "cookie") and (p["in"] != "path" or p["required"] is True)
    for need in document["security"] + [n for m in document["paths"].values() for o in m.values() for n in o.get("security", [])]:
        assert set(need) <= set(document["components"]["securitySchemes"])
    for scheme in document["components"]["securitySchemes"].values():
        assert scheme["type"] == "http" and scheme["scheme"] or scheme["type"] == "apiKey" and scheme["in"] in ("query", "header", "cookie") and scheme["name"]
    try:
        from openapi_spec_validator import OpenAPIV31SpecValidator
    except ImportError:
        return
    OpenAPIV31SpecValidator(document).validate()


def test_the_document_by_itself(client):
    """What the schema cannot say: ids are unique, variables of a path are its parameters, references lead somewhere, and the answer of each has a schema."""
    ids = [o["operationId"] for m in client.document["paths"].values() for o in m.values()]
    assert len(ids) == len(set(ids)) > 60
    for name, (method, path, operation) in client.operations.items():
        assert sorted(re.findall(r"{(\w+)}", path)) == sorted(p["name"] for p in client.parameters(operation, "path")), name
        for p in operation.get("parameters", []):
            assert client.resolve(p)["schema"], name
        for status, answer in operation["responses"].items():
            assert client.resolve(answer)["description"], (name, status)
        assert method != "GET" or "requestBody" not in operation, name


def test_nobody(client):
    for name, (_, _, operation) in client.operations.items():
        answer = client.call(name, body=client.body(operation))
        assert is_problem(answer), (name, answer)
        if operation.get("security") != []:
            assert answer[0] == 401, (name, answer)


def test_every_operation_by_every_role(client, admin, bearers):
    """Who has not the privilege that the document names gets nothing; who has it is told what is wrong, or gets what the schema says."""
    roles = {r["role"]: set(r["privileges"]) for r in json.loads(client.call("role-list", admin)[2])["items"]}
    count = 0
    for role, bearer in bearers.items():
        for name, (_, _, operation) in client.operations.items():
            if name in ("sign-out", "sign-in"):
                continue
            privilege = operation.get("x-privilege")
            body = client.body(operation)
            if body is not None and "hosts" in body:
                body["hosts"] = ["h00"]
            answer = client.call(name, bearer, {"host": "h00", "user": "nobody"}, body=body)
            # Nobody answers questions over facts behind this tool.
            assert (answer[0] < 500 or (name, answer[0]) == ("query", 503)) and is_problem(answer), (role, name, answer)
            if privilege and privilege not in roles[role] and privilege not in ("object.read", "object.view"):
                assert answer[0] in (403, 404), (role, name, answer)
            count += 1
    assert count > 300


def hostile(value):
    """The same value with one text, number or truth in it made hostile, again and again."""
    if isinstance(value, dict):
        for name in value:
            for other in hostile(value[name]):
                yield {**value, name: other}
    elif isinstance(value, list):
        for other in hostile(value[0]) if value else ():
            yield [other]
    elif isinstance(value, str):
        yield from (SQL, "a" * 70000, "\u0000", "../../../etc/passwd", "%s%n%s", "\ud800", 7)
    else:
        yield from (2**63, -1, "1 OR 1=1", None, [])


def test_every_field(client, admin):
    """Nothing of it is a fault of ours, and the tables are all there behind it."""
    count = 0
    for name, (_, _, operation) in client.operations.items():
        if name in ("sign-out", "sign-in"):
            continue
        full = client.body(operation, most=True)
        tries = [({}, None, b) for b in hostile(full)] if full is not None else []
        tries += [({p["name"]: SQL}, None, full) for p in client.parameters(operation, "path")]
        tries += [({}, {p["name"]: SQL}, full) for p in client.parameters(operation, "query")]
        for variables, query, body in tries:
            answer = client.call(name, admin, variables, query, body)
            assert (answer[0] < 500 or (name, answer[0]) == ("query", 503)) and is_problem(answer), (name, variables, query, str(body)[:300], answer)
            count += 1
        if full is not None:
            for raw in ("", "{", "[]", "null", '{"a":1,"a":1}', "[" * 5000, "\x00", '"' + "a" * 1000):
                answer = client.call(name, admin, raw=raw)
                assert 400 <= answer[0] < 500 and is_problem(answer), (name, raw[:20], answer)
                count += 1
    assert count > 500
    assert len(json.loads(client.call("host-list", admin, query={"limit": 1000})[2])["items"]) == 30
    assert json.loads(client.call("session", admin)[2])["user"] == "setup"
