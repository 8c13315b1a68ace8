// Keeps what was typed and not yet sent: through a lost connection, a reload and a lock, in this tab only.
"use strict";
(() => {
  const user = document.body.dataset.user;
  const SENT = "naober-sent";
  if (!user) {  // a page of trouble: what was sent has not arrived
    try { sessionStorage.removeItem(SENT); } catch { /* nothing was kept */ }
    return;
  }
  const LENGTH_MAX = 2000, PREFIX = "naober-draft ";
  const name = (field) => PREFIX + [user, location.pathname, field.form?.getAttribute("action"), field.name].join(" ");
  const kept = (field) => field.matches("textarea:not([readonly]), input:not([type])") && field.name;
  try {
    const sent = (sessionStorage.getItem(SENT) || "").split("\n").filter(Boolean);
    for (const key of sent) sessionStorage.removeItem(key);
    sessionStorage.removeItem(SENT);
    for (const field of document.querySelectorAll("main textarea, main input:not([type])")) {
      const text = kept(field) && sessionStorage.getItem(name(field));
      if (text) field.value = text;
    }
    document.addEventListener("input", ({ target }) => {
      if (kept(target)) sessionStorage.setItem(name(target), target.value.slice(0, LENGTH_MAX));
    });
    document.addEventListener("submit", ({ target }) => {
      if (target.matches("header form")) sessionStorage.clear();  // whoever logs out leaves nothing behind
      else sessionStorage.setItem(SENT, [...target.elements].filter(kept).map(name).join("\n"));
    });
  } catch { /* a browser that keeps nothing */ }
})();
