"use strict";
// The server draws; this only fetches what it drew, and sends what was clicked.
const live = document.getElementById("live");
async function look() {
  try {
    const reply = await fetch("fragment", { cache: "no-store" });
    if (reply.ok) live.innerHTML = await reply.text();
    document.body.classList.toggle("lost", !reply.ok);
  } catch { document.body.classList.add("lost"); }
}
document.addEventListener("click", async (event) => {
  const id = event.target.dataset && event.target.dataset.alert;
  if (!id) return;
  event.target.disabled = true;
  await fetch("api/alerts/" + encodeURIComponent(id), {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ mark: "acknowledged" }),
  });
  look();
});
setInterval(look, EVERY_MS);
