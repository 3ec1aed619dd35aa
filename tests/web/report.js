// SPDX-License-Identifier: Apache-2.0
// Opens one HTML report in headless Chromium and says what it saw, as JSON on stdout; it judges nothing.
// usage: node report.js REPORT.html OUTPUT_DIR
"use strict";
const fs = require("fs");
const path = require("path");
const { pathToFileURL } = require("url");
const { chromium } = require("playwright-core");

const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
	"--disable-component-update", "--disable-sync"];
const AXE = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const [file, out] = [path.resolve(process.argv[2]), path.resolve(process.argv[3])];
const url = pathToFileURL(file).href;

// A page of its own: what it complains of and asks for is in seen.
async function open(browser, options, seen) {
	const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
	const page = await context.newPage();
	page.on("console", (m) => { if (m.type() === "error" || m.type() === "warning") seen.console.push(m.text()); });
	page.on("pageerror", (e) => seen.console.push(String(e)));
	page.on("dialog", (d) => { seen.console.push("dialog: " + d.message()); d.dismiss(); });
	page.on("request", (r) => { if (r.url() !== url) seen.requests.push(r.url()); });
	await page.goto(url);
	return page;
}

// Accessibility by axe-core's rules; evaluate() is not held by the page's own policy.
async function axe(page) {
	await page.evaluate(AXE);
	const result = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
	return result.violations.map((v) => v.id + " (" + v.impact + "): " + v.help + ": " +
		v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160) + " " + n.failureSummary.split("\n").slice(1, 2).join("")).join(" | "));
}

// Unfolds three findings of each colour: the others are made alike.
const unfold = (page) => page.evaluate(() => {
	const seen = {};
	for (const d of document.querySelectorAll("details.f"))
		d.open = (seen[d.className] = (seen[d.className] || 0) + 1) <= 3;
});

const shown = (page) => page.locator("details.f:visible").count();

async function looks(browser, seen) {
	for (const scheme of ["light", "dark"]) {
		const page = await open(browser, { colorScheme: scheme }, seen);
		seen[scheme] = { background: await page.evaluate(() => getComputedStyle(document.body).backgroundColor) };
		await unfold(page);
		seen[scheme].axe = await axe(page);
		await page.screenshot({ path: path.join(out, scheme + ".png") });
		await page.context().close();
	}
	const page = await open(browser, { viewport: { width: 390, height: 844 } }, seen);
	await page.locator("details.f.fail summary").first().click();
	seen.narrow = { axe: await axe(page), overflow: await page.evaluate(() => document.documentElement.scrollWidth - innerWidth) };
	await page.screenshot({ path: path.join(out, "narrow.png") });
	await page.context().close();
}

async function uses(browser, seen) {
	const page = await open(browser, {}, seen);
	const first = page.locator("details.f.fail").first();
	const id = await first.locator("summary code").innerText();
	const use = seen.use = { all: await shown(page), id, title: await page.title() };
	await page.fill("#q", id);
	use.searched = await page.locator("details.f:visible summary code").allInnerTexts();
	use.status = await page.locator("#shown").innerText();
	await page.fill("#q", "no-such-word-anywhere");
	use.none = await shown(page);
	await page.fill("#q", "");
	use.cleared = await shown(page);
	await page.selectOption("#sev", "high");
	use.severities = [...new Set(await page.locator("details.f:visible").evaluateAll((all) => all.map((d) => d.dataset.sev)))];
	await page.selectOption("#sev", "");
	await page.selectOption("#pil", "network");
	use.pillars = [...new Set(await page.locator("details.f:visible").evaluateAll((all) => all.map((d) => d.dataset.pillar)))];
	await page.selectOption("#pil", "");
	await page.click("#open");
	use.unfolded = await page.locator("details.f[open]").count();
	await page.click("#open");
	use.folded = await page.locator("details.f[open]").count();
	await first.locator("summary").focus();
	await page.keyboard.press("Enter");
	use.keyboard = await first.evaluate((d) => d.open);
	await page.context().close();
}

const bodies = (page, cls) => page.locator("details.f." + cls + " .b").evaluateAll((all) =>
	({ all: all.length, visible: all.filter((b) => b.checkVisibility({ contentVisibilityAuto: true }) && b.getBoundingClientRect().height > 0).length }));

async function prints(browser, seen) {
	const page = await open(browser, {}, seen);
	await page.pdf({ path: path.join(out, "print.pdf"), format: "A4", printBackground: true });
	seen.print = { open_after: await page.locator("details.f[open]").count() };
	await page.context().close();
	// Also where scripts are off.
	const plain = await open(browser, { javaScriptEnabled: false }, seen);
	seen.print.screen = await bodies(plain, "fail");
	await plain.emulateMedia({ media: "print" });
	seen.print.fail = await bodies(plain, "fail");
	seen.print.pass = await bodies(plain, "s-pass");
	seen.print.tools = await plain.locator(".tools").isVisible();
	await plain.context().close();
}

(async () => {
	const seen = { console: [], requests: [] };
	const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: FLAGS });
	try {
		await looks(browser, seen);
		await uses(browser, seen);
		await prints(browser, seen);
	} finally {
		await browser.close();
	}
	console.log(JSON.stringify(seen));
})().catch((e) => { console.error(e); process.exit(1); });
