// The forms with a script: counts along, changes numbers in place, keeps what is typed, sends once. All works without.
(function () {
  "use strict";
  var DRAFT_MS = 5000, AGAIN_MS = 3000;
  var form = document.getElementById("vorm"), english = document.documentElement.lang === "en";

  Array.prototype.forEach.call(document.querySelectorAll("[data-print]"), function (button) {
    button.hidden = false;
    button.addEventListener("click", function () { window.print(); });
  });
  if (!form) { return; }

  // --- a text: how much is left
  function bytes(text) { return unescape(encodeURIComponent(text)).length; }

  function over(text, characters, most) {
    var letters = Array.from(text), left = letters.length;
    while (left > characters || bytes(letters.slice(0, left).join("")) > most) { left -= 1; }
    return letters.length - left;
  }

  Array.prototype.forEach.call(form.querySelectorAll("textarea[data-bytes]"), function (area) {
    var most = Number(area.dataset.bytes), characters = area.maxLength;
    var count = form.querySelector("[data-count]"), bar = form.querySelector("[data-short]"), meter = bar.querySelector("meter");
    function show() {
      var text = area.value.trim().replace(/\s+/g, " "), much = over(text, characters, most), length = Array.from(text).length;
      var left = Math.min(characters - length, most - bytes(text));
      count.textContent = (much ? area.dataset.over : area.dataset.left).replace("{n}", much || left);
      count.classList.toggle("over", much > 0);
      area.setCustomValidity(much ? count.textContent : "");
      bar.hidden = length > Number(bar.dataset.short);
      meter.value = length;
    }
    area.addEventListener("input", show);
    show();
  });

  // --- a number: up, down, not known
  function step(value) {
    var at = value.lastIndexOf(":"), by = value.slice(at + 1), box = document.getElementById("v-" + value.slice(0, at));
    var unknown = form.querySelector("button[name=stap][value='" + value.slice(0, at) + ":?']");
    var now = parseInt(box.value.replace(/[^0-9-]/g, ""), 10) || 0;
    box.value = by === "?" ? "" : Math.min(Number(box.dataset.high), Math.max(Number(box.dataset.low), now + Number(by)));
    if (unknown) { unknown.setAttribute("aria-pressed", box.value === "" ? "true" : "false"); }
    later();
  }

  form.addEventListener("click", function (event) {
    var button = event.target.closest("button[name=stap]");
    if (button) { event.preventDefault(); step(button.value); }
  });

  // --- sent once
  var sent = 0, typed = false, timer = 0;
  form.addEventListener("submit", function (event) {
    var area = form.querySelector("textarea[data-bytes]"), by = event.submitter, was = typed;
    if (area && !area.checkValidity() && !(by && by.formNoValidate)) {
      event.preventDefault();
      area.setAttribute("aria-invalid", "true");
      area.focus();
      return;
    }
    if (Date.now() - sent < AGAIN_MS) { event.preventDefault(); return; }
    sent = Date.now();
    typed = false;
    clearTimeout(timer);
    setTimeout(function () { if (event.defaultPrevented) { sent = 0; typed = was; } }, 0);  // the box was not heard
  });
  window.addEventListener("pageshow", function () { sent = 0; });

  // --- what is typed is kept on the box
  function keep() {
    if (!form.dataset.concept || !typed) { return; }
    var data = new URLSearchParams(new FormData(form));
    data.set("concept", form.dataset.concept);
    data.set("at", form.dataset.at);
    typed = false;
    fetch((english ? "/en" : "") + "/concept", {method: "POST", body: data, keepalive: true}).catch(function () { typed = true; });
  }

  function later() {
    typed = true;
    clearTimeout(timer);
    timer = setTimeout(keep, DRAFT_MS);
  }

  form.addEventListener("input", function (event) {
    var unknown = event.target.id && form.querySelector("button[name=stap][value='" + event.target.name + ":?']");
    if (unknown) { unknown.setAttribute("aria-pressed", event.target.value === "" ? "true" : "false"); }
    later();
  });
  window.addEventListener("pagehide", keep);
})();
