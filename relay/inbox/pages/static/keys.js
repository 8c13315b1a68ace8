// Keys for hands that know the way. Everything can be done without them, and they can be switched off.
"use strict";
(() => {
  const OFF = "naober-toetsen-uit", GO_MS = 1500;
  const help = document.getElementById("hulp"), knob = document.getElementById("hulpknop");
  const box = document.getElementById("toetsen");
  if (!help) return;
  let went = -GO_MS;

  const allowed = () => { try { return localStorage.getItem(OFF) === null; } catch { return true; } };
  box.checked = allowed();
  box.onchange = () => {
    try { box.checked ? localStorage.removeItem(OFF) : localStorage.setItem(OFF, "1"); } catch { /* this page only */ }
  };
  knob.hidden = false;
  knob.onclick = () => help.showModal();

  const rows = () => [...document.querySelectorAll("main [data-key]")].filter((row) => row.querySelector("a, button, summary"));
  const row = () => document.activeElement.closest("main [data-key]");
  const opener = (of) => of.querySelector("[data-open]") || of.querySelector("a, summary, button");
  function step(by) {
    const all = rows(), at = all.indexOf(row());
    const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + by))];
    if (next) opener(next).focus();
  }
  // What a key means here: the page's own subject, then the emergency on top, then the row that has the focus.
  function meant(key) {
    const of = (root) => [...(root?.querySelectorAll(`[data-hotkey="${CSS.escape(key)}"]`) || [])];
    const own = of(document.querySelector("main")).filter((each) => !each.closest("[data-key]"));
    return own[0] || of(document.getElementById("nood"))[0] || of(row())[0];
  }
  const FIELDS = { t: "assignee", x: "team", h: "result", c: "text" };
  function act(key) {
    const found = meant(key);
    if (found) {
      if (found.matches("input, textarea, select")) found.focus();
      else found.click();
      return true;
    }
    const there = row() && opener(row());
    if (FIELDS[key] && there?.pathname?.startsWith("/melding/")) {
      location.href = there.pathname + "#" + FIELDS[key];
      return true;
    }
    if (key === "n") document.querySelector('[data-go="n"]')?.click();
    else if (key === "/") location.href = "/postvak#zoek";
    else if (key === "n" && document.querySelector("[data-go=n]")) location.href = "/handmatig";
    else if ("1234".includes(key)) location.href = "/postvak?toon=alles&urgentie=" + key;
    else return false;
    return true;
  }
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    if (event.target.closest("input:not([type=checkbox]), textarea, select")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (!allowed() || event.key.length !== 1) return;
    const going = performance.now() - went < GO_MS;
    went = -GO_MS;
    if (going) {
      const page = document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
      if (page) page.click();
    } else if (event.key === "g") went = performance.now();
    else if (event.key === "?") help.showModal();
    else if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (!act(event.key)) return;
    event.preventDefault();
  });
  const asked = location.hash ? document.getElementById(location.hash.slice(1)) : null;
  if (asked?.matches("input, textarea")) asked.focus();
})();
