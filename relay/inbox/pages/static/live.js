// Keeps an open page true: takes the newest parts of the page when the server says so, greys the page when it
// hears nothing, counts ages and the clock on, and sounds what must be heard. Without it the pages work, and
// stand still. What lies under the pointer or has the focus never moves: see patch().
"use strict";
(() => {
  const GONE_MS = 5000, AGE_MS = 10000, NAG_MS = 30000, AGAIN_MS = 5000, USED_MS = 60000, MUTE_MS = 600000;
  const MUTE = "naober-dempen";
  const link = document.getElementById("verbinding");
  const fragments = [...document.querySelectorAll("[data-fragment]")];
  const english = document.documentElement.lang === "en";
  const locale = english ? "en-GB" : "nl-NL";
  const started = performance.now();
  let heard = started, painted = new Date(), emergencies = 0, sounded = 0;
  let audio = null, nag = -NAG_MS, retry = 0, used = -USED_MS, told = -USED_MS;
  const pointer = { x: -1, y: -1 };
  if (!link) return;

  // --- ages and the clock: what the server said, plus the time since by a clock that does not step
  const loaded = new WeakMap();
  function ageText(seconds) {
    const unit = english ? ["s", "min", "h", "d"] : ["s", "min", "u", "d"];
    if (seconds < 60) return Math.floor(seconds) + " " + unit[0];
    if (seconds < 3600) return Math.floor(seconds / 60) + " " + unit[1];
    if (seconds < 172800)
      return Math.floor(seconds / 3600) + " " + unit[2] + " " + String(Math.floor((seconds % 3600) / 60)).padStart(2, "0");
    return Math.floor(seconds / 86400) + " " + unit[3] + " " + Math.floor((seconds % 86400) / 3600) + " " + unit[2];
  }
  function tick() {
    for (const each of document.querySelectorAll("[data-age]")) {
      if (!loaded.has(each)) loaded.set(each, performance.now());
      const text = ageText(Number(each.dataset.age) + (performance.now() - loaded.get(each)) / 1000);
      if (each.textContent !== text) each.textContent = text;
    }
  }
  tick();
  setInterval(tick, AGE_MS);
  const clock = document.getElementById("klok");
  function time() {
    const now = new Date(Number(clock.dataset.now) * 1000 + performance.now() - started);
    clock.textContent = clock.textContent.replace(/\d\d:\d\d:\d\d$/, now.toLocaleTimeString(locale));
  }

  for (const button of document.querySelectorAll("[data-copy]")) {
    button.onclick = async () => {
      const paper = document.getElementById(button.dataset.copy);
      paper.select();
      try { await navigator.clipboard.writeText(paper.value); } catch { document.execCommand("copy"); }
      button.textContent = "✔ " + button.textContent.replace("✔ ", "");
    };
  }

  // --- is the picture live
  const heartbeat = document.getElementById("hartslag");
  function judge() {
    const since = performance.now() - heard, gone = since > GONE_MS;
    document.body.classList.toggle("gone", gone);
    const text = gone ? link.dataset.gone + " " + painted.toLocaleTimeString(locale) : "● " + link.dataset.live;
    if (link.textContent !== text) link.textContent = text;  // it is read aloud when it changes, and only then
    if (heartbeat) {
      const wait = Math.max(0, Math.ceil((retry - performance.now()) / 1000));
      heartbeat.textContent = gone ? (retry ? link.dataset.retry + " " + wait + " s" : "") : "(" + Math.round(since / 1000) + " s)";
    }
    const off = gone || Boolean(document.querySelector("[data-readonly]"));
    for (const button of document.querySelectorAll("main form button, #nood button"))
      if (!button.closest("[role=search]") && button.disabled !== off) button.disabled = off;
  }
  setInterval(() => {
    if (clock) time();
    judge();
    for (const each of fragments) if (each.stale && !parts(each).some(busy)) repaint(each);
  }, 1000);

  // --- the newest parts of the page
  const parts = (root) => [...root.querySelectorAll("[data-part]")];
  const busy = (part) => part.matches(":hover") || part.contains(document.activeElement);
  const REACHED = "a[href], button, summary, input, [tabindex]";
  async function repaint(fragment, force = false) {
    fragment.again = fragment.waiting;
    if (fragment.waiting) return;
    fragment.waiting = true;
    try {
      const hand = used > told ? "?hand=1" : "";
      if (hand) told = performance.now();
      const query = fragment.dataset.query || "";
      const answer = await fetch("/stuk/" + fragment.dataset.fragment + (query ? query + hand.replace("?", "&") : hand), { credentials: "same-origin" });
      if (answer.redirected || answer.status === 403) { location.reload(); return; }
      if (answer.ok) {
        const text = await answer.text();
        steadily(() => put(fragment, text, force));
        painted = new Date();
        tick();
        judge();
      }
    } catch { /* the stream says when the server is gone */ }
    fragment.waiting = false;
    if (fragment.again) repaint(fragment);
  }
  function put(fragment, text, force) {
    const fresh = document.createElement("template");
    fresh.innerHTML = text;
    fragment.stale = false;
    const olds = parts(fragment), news = parts(fresh.content);
    if (!olds.length || olds.length !== news.length) { fragment.replaceChildren(fresh.content); return; }
    olds.forEach((old, at) => {
      const now = news[at];
      if (old.dataset.part.startsWith("nood")) swap(old, now);
      else if (!force && (busy(old) || "hold" in old.dataset)) fragment.stale = patch(old, now) && !("hold" in old.dataset);
      else old.replaceWith(now);
    });
  }
  // Rows keep their place: what is in them is renewed, what is over is greyed, what is new is counted.
  function patch(old, now) {
    const rows = new Map([...now.querySelectorAll("[data-key]")].map((row) => [row.dataset.key, row]));
    for (const row of old.querySelectorAll("[data-key]")) {
      const newer = rows.get(row.dataset.key);
      rows.delete(row.dataset.key);
      row.classList.toggle("past", !newer);
      if (newer) swap(row, newer);
    }
    const more = old.querySelector("[data-fresh]");
    if (more) {
      more.hidden = rows.size === 0;
      more.textContent = rows.size + " " + more.dataset.fresh;
    }
    return true;
  }
  function swap(old, now) {
    const at = [...old.querySelectorAll(REACHED)].indexOf(document.activeElement);
    const same = old.dataset.subject === now.dataset.subject;
    if (!same) now.since = performance.now();
    else if (old.since) now.since = old.since;
    old.replaceWith(now);
    if (at >= 0 && same) [...now.querySelectorAll(REACHED)][at]?.focus({ preventScroll: true });
  }
  // What lies under the pointer stays there, whatever grew above it.
  function steadily(change) {
    const under = pointer.x < 0 ? null : document.elementFromPoint(pointer.x, pointer.y);
    const mark = under?.closest("main [data-key], main p, main h1, main h2, main li, main form");
    const key = mark?.dataset.key, top = mark?.getBoundingClientRect().top;
    change();
    if (!mark) return;
    const after = mark.isConnected ? mark : key && document.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (after) window.scrollBy(0, after.getBoundingClientRect().top - top);
  }
  document.addEventListener("click", (event) => {
    const more = event.target.closest?.("[data-fresh]");
    if (more) repaint(more.closest("[data-fragment]"), true);
  });
  document.addEventListener("pointermove", (event) => { pointer.x = event.clientX; pointer.y = event.clientY; });
  document.documentElement.addEventListener("pointerleave", () => { pointer.x = -1; });

  // --- a step that needs no other page: the sound goes on, and the list stays where it is
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches("[data-quiet]")) return;
    event.preventDefault();
    const shown = form.closest("#nood [data-part]");
    if (shown && performance.now() - (shown.since || 0) < 500) return;  // it has only just come under the hand
    try {
      const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
      if (answer.url.includes("eerst=")) { location.href = answer.url; return; }
      if (!answer.ok) { location.reload(); return; }
      for (const each of fragments) repaint(each);
    } catch { judge(); }
  });

  // --- sound
  const TONES = { emergency: [[880, 0], [880, 0.35]], urgent: [[660, 0]], system: [[220, 0]], chime: [[520, 0]], practice: [[440, 0]] };
  function play(name) {
    if (!audio || audio.state !== "running" || (mutedFor() && name !== "system")) return;
    sounded += 1;
    for (const [hertz, at] of TONES[name] || []) {
      const tone = audio.createOscillator(), volume = audio.createGain();
      tone.frequency.value = hertz;
      volume.gain.setValueAtTime(name === "practice" ? 0.1 : 0.3, audio.currentTime + at);
      volume.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + at + 0.3);
      tone.connect(volume).connect(audio.destination);
      tone.start(audio.currentTime + at);
      tone.stop(audio.currentTime + at + 0.3);
    }
  }
  const place = document.getElementById("geluid");
  function showSound() {
    const on = Boolean(audio && audio.state === "running"), muted = on && mutedFor() > 0;
    const state = String(on) + (muted ? localStorage.getItem(MUTE) : "");
    if (!place || place.dataset.state === state) return;
    place.dataset.state = state;
    const until = muted ? new Date(Date.now() + mutedFor()).toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit" }) : "";
    place.textContent = muted ? "✖ " + place.dataset.muted + " " + until + " " : on ? "♪ " : "✖ " + place.dataset.off + " ";
    place.className = muted ? "hush" : on ? "" : "bad";
    if (muted) { offer(place.dataset.unmute, () => mute(0)); return; }
    offer(on ? place.dataset.test : place.dataset.on, async () => { await allow(); play("urgent"); });
    if (on && place.dataset.mute) offer(place.dataset.mute, () => mute(MUTE_MS));
  }
  function offer(text, act) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "small";
    button.textContent = text;
    button.onclick = act;
    place.append(button, " ");
  }
  // Ten minutes without sound, in this browser only: kept for its other pages, never longer than that whatever its
  // clock does. Faults of VRD's own system sound all the same, and a new emergency ends it.
  function mutedFor() {
    let left = 0;
    try { left = Number(localStorage.getItem(MUTE)) - Date.now(); } catch { /* no storage: no muting */ }
    return left > 0 && left <= MUTE_MS ? left : 0;
  }
  function mute(milliseconds) {
    try {
      if (milliseconds) localStorage.setItem(MUTE, String(Date.now() + milliseconds));
      else localStorage.removeItem(MUTE);
    } catch { /* as above */ }
    showSound();
  }
  async function allow() {
    try { audio = audio || new AudioContext(); await audio.resume(); } catch { audio = null; }
    showSound();
  }
  try { audio = new AudioContext(); audio.onstatechange = showSound; } catch { audio = null; }
  showSound();
  for (const hand of ["pointerdown", "keydown"])
    document.addEventListener(hand, () => {
      if (performance.now() - used > USED_MS) used = performance.now();
      if (place && audio && audio.state === "suspended") allow();
    });
  setInterval(() => {
    showSound();
    if (emergencies > 0 && performance.now() - nag >= NAG_MS) { nag = performance.now(); play("emergency"); }
  }, 1000);

  // --- the stream; a browser gives up on one that was refused, we don't
  function listen() {
    const stream = new EventSource("/gebeurtenissen?baan=" + (document.body.dataset.lane || ""));
    stream.addEventListener("alive", () => { heard = performance.now(); retry = 0; judge(); });
    stream.addEventListener("board", (event) => {
      heard = performance.now();
      retry = 0;
      const said = JSON.parse(event.data);
      emergencies = said.emergencies;
      if (said.sounds.includes("emergency")) mute(0);
      for (const sound of new Set(said.sounds)) { play(sound); if (sound === "emergency") nag = performance.now(); }
      judge();
      for (const each of fragments) repaint(each);
    });
    stream.onerror = () => {
      stream.close();
      if (retry > performance.now()) return;
      retry = performance.now() + AGAIN_MS;
      setTimeout(listen, AGAIN_MS);
    };
  }
  listen();
  window.naober = {
    playing: () => Boolean(audio && audio.state === "running"),
    nagging: () => emergencies > 0 && !mutedFor(),
    sounded: () => sounded,
  };
})();
