// Greys the button to the identity provider when that can't be reached. The login beside it waits for nothing.
"use strict";
(async () => {
  const button = document.getElementById("oidc");
  if (!button) return;
  let ok = false;
  try { ok = (await (await fetch("/inloggen/oidc/staat")).json()).ok; } catch { /* as good as not there */ }
  if (ok) return;
  const away = document.createElement("span");
  away.className = "away";
  away.id = "oidc";
  away.textContent = button.textContent + ": " + button.dataset.away;
  button.replaceWith(away);
})();
