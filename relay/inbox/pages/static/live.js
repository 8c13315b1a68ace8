// Keeps an open page true: takes the newest part of the page when the server says so, greys the page when it
// hears nothing, counts ages on, and sounds what must be heard. Without it the pages work, and stand still.
"use strict";
(() => {
  const GONE_MS = 5000, AGE_MS = 10000, NAG_MS = 30000;
  const link = document.getElementById("verbinding");
  const fragments = [...document.querySelectorAll("[data-fragment]")];
  const english = document.documentElement.lang === "en";
  let heard = Date.now(), painted = Date.now(), emergencies = 0, audio = null, nag = 0;
  if (!link) return;

  // --- ages: what the server said, plus the time since by a clock that does not step
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
      each.textContent = ageText(Number(each.dataset.age) + (performance.now() - loaded.get(each)) / 1000);
    }
  }
  tick();
  setInterval(tick, AGE_MS);

  for (const button of document.querySelectorAll("[data-copy]")) {
    button.onclick = async () => {
      const paper = document.getElementById(button.dataset.copy);
      paper.select();
      try { await navigator.clipboard.writeText(paper.value); } catch { document.execCommand("copy"); }
      button.textContent = "✔ " + button.textContent.replace("✔ ", "");
    };
  }

  // --- is the picture live
  function stamp(date) { return date.toLocaleTimeString(english ? "en-GB" : "nl-NL"); }
  function judge() {
    const gone = Date.now() - heard > GONE_MS;
    document.body.classList.toggle("gone", gone);
    link.textContent = gone ? link.dataset.gone + " " + stamp(new Date(painted)) : "● " + link.dataset.live;
    for (const button of document.querySelectorAll("main button")) button.disabled = gone;
  }
  setInterval(judge, 1000);

  // --- the newest parts of the page; never under a hand that is about to click or type
  async function repaint(fragment) {
    if (fragment.waiting) return;
    fragment.waiting = true;
    if (emergencies === 0 && (fragment.matches(":hover") || fragment.contains(document.activeElement))) {
      setTimeout(() => { fragment.waiting = false; repaint(fragment); }, 2000);
      return;
    }
    try {
      const answer = await fetch("/stuk/" + fragment.dataset.fragment, { credentials: "same-origin" });
      if (answer.redirected || answer.status === 403) { location.reload(); return; }
      if (answer.ok) {
        fragment.innerHTML = await answer.text();
        painted = Date.now();
        tick();
      }
    } catch { /* the stream says when the server is gone */ }
    fragment.waiting = false;
  }

  // --- sound
  const TONES = { emergency: [[880, 0], [880, 0.35]], urgent: [[660, 0]], system: [[220, 0]], chime: [[520, 0]] };
  function play(name) {
    if (!audio || audio.state !== "running") return;
    for (const [hertz, at] of TONES[name] || []) {
      const tone = audio.createOscillator(), volume = audio.createGain();
      tone.frequency.value = hertz;
      volume.gain.setValueAtTime(0.3, audio.currentTime + at);
      volume.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + at + 0.3);
      tone.connect(volume).connect(audio.destination);
      tone.start(audio.currentTime + at);
      tone.stop(audio.currentTime + at + 0.3);
    }
  }
  const place = document.getElementById("geluid");
  function showSound() {
    if (!place) return;
    const on = audio && audio.state === "running";
    if (place.dataset.state === String(on)) return;
    place.dataset.state = String(on);
    place.textContent = on ? "♪ " : "✖ " + place.dataset.off + " ";
    place.className = on ? "" : "bad";
    const button = document.createElement("button");
    button.type = "button";
    button.className = "small";
    button.textContent = on ? place.dataset.test : place.dataset.on;
    button.onclick = async () => {
      audio = audio || new AudioContext();
      await audio.resume();
      play("urgent");
      showSound();
    };
    place.append(button);
  }
  try { audio = new AudioContext(); audio.onstatechange = showSound; } catch { audio = null; }
  showSound();
  setInterval(() => {
    if (emergencies > 0 && Date.now() - nag >= NAG_MS) { nag = Date.now(); play("emergency"); }
  }, 1000);

  // --- the stream
  const stream = new EventSource("/gebeurtenissen");
  stream.addEventListener("alive", () => { heard = Date.now(); judge(); });
  stream.addEventListener("board", (event) => {
    heard = Date.now();
    const said = JSON.parse(event.data);
    emergencies = said.emergencies;
    for (const sound of new Set(said.sounds)) { play(sound); if (sound === "emergency") nag = Date.now(); }
    judge();
    fragments.forEach(repaint);
    const fresh = document.getElementById("nieuw");
    if (fresh && said.sounds.length) fresh.hidden = false;
  });
  window.naober = { playing: () => Boolean(audio && audio.state === "running") };
})();
