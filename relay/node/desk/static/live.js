// Keeps a page fresh, says aloud what changed, and greys it when the box is not heard. All works without it.
(function () {
  "use strict";
  // two polls within the time after which the page greys itself: one lost packet is no alarm
  var POLL_MS = 5000, GONE_MS = 15000, ANEW_MS = 30000, WAIT_MS = 4000;
  var body = document.body, lost = document.getElementById("weg"), told = document.getElementById("melding");
  var path = body.dataset.live, english = document.documentElement.lang === "en";
  var heard = Date.now(), drawn = Date.now(), key = document.body.dataset.key, busy = false;
  if (!window.fetch || !window.DOMParser || !path) { return; }

  function two(number) { return (number < 10 ? "0" : "") + number; }

  // ages come from the box; what the clock said then, this phone knows
  function clocks(within) {
    within.querySelectorAll("[data-age]").forEach(function (each) {
      if (each.dataset.clock) { return; }
      var then = new Date(Date.now() - 1000 * Number(each.dataset.age));
      if (Date.now() - then > 72000000) { return; }
      each.dataset.clock = two(then.getHours()) + ":" + two(then.getMinutes());
      each.textContent = each.dataset.clock + ", " + each.textContent;
    });
  }

  function holds(within) {
    within.querySelectorAll("form[data-hold]:not([data-runs])").forEach(function (form) {
      form.dataset.runs = "1";
      var ends = Date.now() + 1000 * Number(form.dataset.hold), count = form.querySelector("[data-count]");
      var tick = window.setInterval(function () {
        var left = Math.ceil((ends - Date.now()) / 1000);
        if (left > 0 && form.isConnected) { count.textContent = count.dataset.count + " (" + left + ")"; return; }
        window.clearInterval(tick);
        if (form.isConnected) { form.hidden = true; draw(); }
      }, 250);
    });
  }

  function saying(within) {
    var found = {};
    within.querySelectorAll("[data-say]").forEach(function (each) {
      var at = each.dataset.say.indexOf(":");
      found[each.dataset.say.slice(0, at)] = each.dataset.say.slice(at + 1);
    });
    return found;
  }

  function same(one, other) {
    return one.tagName === other.tagName && one.getAttribute("href") === other.getAttribute("href") &&
      one.getAttribute("name") === other.getAttribute("name") && one.value === other.value;
  }

  // put `fresh` in the place of `old`; whoever stands on something in it stays there
  function swap(old, fresh) {
    var here = document.activeElement;
    if (old.innerHTML === fresh.innerHTML) { return; }
    if (here && old.contains(here) && /^(INPUT|TEXTAREA|SELECT)$/.test(here.tagName)) { return; }
    var stood = here && here !== body && old.contains(here) ? here : null;
    old.innerHTML = fresh.innerHTML;
    if (stood) {
      Array.prototype.some.call(old.querySelectorAll("a, button"), function (each) {
        if (same(each, stood)) { each.focus({preventScroll: true}); return true; }
        return false;
      });
    }
  }

  function ask(what) {
    var stop = window.AbortController ? new AbortController() : null;
    if (stop) { window.setTimeout(function () { stop.abort(); }, WAIT_MS); }
    return fetch(what, {cache: "no-store", headers: {"X-Naober": "1"}, redirect: "manual", signal: stop ? stop.signal : undefined})
      .then(function (answer) {
        if (answer.type === "opaqueredirect" && !document.querySelector("input:not([type=hidden]), textarea")) {
          window.location.reload();  // the box asks for its PIN again
        }
        if (!answer.ok) { throw new Error(answer.status); }
        return answer;
      });
  }

  function draw() {
    if (busy) { return; }
    busy = true;
    ask(path).then(function (answer) { return answer.text(); }).then(function (text) {
      var fresh = new DOMParser().parseFromString(text, "text/html"), before = saying(document), news = [];
      fresh.querySelectorAll("[data-part]").forEach(function (part) {
        var old = document.querySelector("[data-part='" + part.dataset.part + "']");
        if (old) { swap(old, part); }
      });
      drawn = Date.now();
      key = fresh.body.dataset.key;
      var after = saying(document);
      Object.keys(after).forEach(function (each) { if (before[each] !== after[each] && news.indexOf(after[each]) < 0) { news.push(after[each]); } });
      if (news.length) { told.textContent = news.join(". "); }
      if (after.vrd && after.vrd !== before.vrd) { beep(); }
      clocks(document);
      holds(document);
      fine();
    }).catch(function () {}).then(function () { busy = false; });
  }

  function fine() {
    heard = Date.now();
    if (!lost.hidden) { lost.hidden = true; lost.textContent = ""; body.classList.remove("gone"); draw(); }
  }

  function beat() {
    ask((english ? "/en" : "") + "/levend").then(function (answer) { return answer.json(); }).then(function (state) {
      var changed = key !== state.key;
      fine();
      if (changed || Date.now() - drawn > ANEW_MS) { draw(); }
    }).catch(function () {});
  }

  function judge() {
    if (Date.now() - heard > GONE_MS && lost.hidden) {
      lost.textContent = "✖ " + lost.dataset.text;
      lost.hidden = false;
      body.classList.add("gone");
    }
  }

  // no sound unless somebody switched it on, here and now: that hand is also what a browser asks for
  var button = document.getElementById("piep"), sound = null;
  function beep() {
    if (!sound) { return; }
    [0, 0.35].forEach(function (at) {
      var tone = sound.createOscillator(), loud = sound.createGain();
      loud.gain.value = 0.3;
      tone.frequency.value = 880;
      tone.connect(loud);
      loud.connect(sound.destination);
      tone.start(sound.currentTime + at);
      tone.stop(sound.currentTime + at + 0.2);
    });
  }
  if (button && window.AudioContext) {
    button.hidden = false;
    button.addEventListener("click", function () {
      if (sound) { sound.close(); sound = null; } else { sound = new AudioContext(); beep(); }
      button.textContent = sound ? button.dataset.on : button.dataset.off;
    });
  }

  document.addEventListener("submit", function (event) {
    if (!lost.hidden) { event.preventDefault(); lost.scrollIntoView(); }
  });
  document.addEventListener("visibilitychange", function () { if (!document.hidden) { beat(); } });
  clocks(document);
  holds(document);
  beat();
  window.setInterval(beat, POLL_MS);
  window.setInterval(judge, 1000);
})();
