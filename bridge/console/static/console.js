// Everything works without this file. With it: copy buttons, and an overview that stays fresh by itself.
"use strict";

document.documentElement.classList.add("js");

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = button.dataset.copied;
  } catch {
    getSelection().selectAllChildren(button.previousElementSibling);
  }
  setTimeout(() => { button.textContent = before; }, 1500);
});

async function refresh() {
  const main = document.querySelector("main[data-refresh]");
  const busy = document.hidden || document.querySelector("dialog:popover-open") || main.contains(document.activeElement);
  if (busy) return;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  // An ended session leads to the login page: go there openly.
  if (answer.redirected) { location.reload(); return; }
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
  if (fresh && !main.contains(document.activeElement)) main.replaceWith(document.adoptNode(fresh));
}

const refreshed = document.querySelector("main[data-refresh]");
if (refreshed) {
  setInterval(() => { refresh().catch(() => {}); }, Number(refreshed.dataset.refresh) * 1000);
}
