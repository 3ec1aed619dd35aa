// The report reads without this script; it adds search, filters and unfolding.
(function () {
	"use strict";
	var search = document.getElementById("q");
	var severity = document.getElementById("sev");
	var pillar = document.getElementById("pil");
	var count = document.getElementById("shown");
	var items = Array.prototype.slice.call(document.querySelectorAll("details.f"));
	var texts = items.map(function (d) { return d.textContent.toLowerCase(); });

	function apply() {
		var words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
		var shown = 0;
		items.forEach(function (d, i) {
			var ok = (!severity.value || d.dataset.sev === severity.value) &&
				(!pillar.value || d.dataset.pillar === pillar.value) &&
				words.every(function (w) { return texts[i].indexOf(w) >= 0; });
			d.hidden = !ok;
			shown += ok ? 1 : 0;
		});
		document.querySelectorAll("section[data-list]").forEach(function (s) {
			var none = s.querySelector(".none");
			if (none) none.hidden = !!s.querySelector("details.f:not([hidden])");
		});
		count.textContent = shown + " of " + items.length + " shown";
	}
	[search, severity, pillar].forEach(function (e) { e.addEventListener("input", apply); });
	document.getElementById("open").addEventListener("click", function () {
		var open = this.getAttribute("aria-pressed") !== "true";
		items.forEach(function (d) { if (!d.hidden) d.open = open; });
		this.setAttribute("aria-pressed", open);
		this.textContent = open ? "Fold all" : "Unfold all";
	});
	// On paper each failed finding is open, and folded again behind it.
	var opened = [];
	window.addEventListener("beforeprint", function () {
		opened = Array.prototype.slice.call(document.querySelectorAll("details.f.fail:not([open])"));
		opened.forEach(function (d) { d.open = true; });
	});
	window.addEventListener("afterprint", function () {
		opened.forEach(function (d) { d.open = false; });
		opened = [];
	});
	document.querySelector(".tools").hidden = false;
	apply();
})();
