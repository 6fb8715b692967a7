// Add a top-up: while a size is typed it says how that is read and what it costs, and the button says what it will do.
// What stands in the price field is the agent's alone: the catalogue's price is shown there only as a placeholder.
"use strict";

(() => {
  const form = document.getElementById("add-top-up");
  const size = form.elements.namedItem("size");
  const price = form.elements.namedItem("price"); // not everybody may arrange one
  const says = form.querySelector("[data-cap-says]");
  const plain = "Add the top-up";
  let asked = null;
  let timer = 0;

  const read = () => document.getElementById("size-read");
  const chosen = () => form.querySelector("[name=what]:checked");
  const isOwn = () => chosen() !== null && chosen().value === "own";

  function show() {
    const deed = isOwn() ? read().dataset.capDeed : chosen() && chosen().dataset.capDeed;
    says.textContent = deed || plain;
    if (price) price.placeholder = read().dataset.capPrice;
  }

  function forget() { // what was said of another size or price isn't true any more
    if (asked) asked.abort();
    window.clearTimeout(timer);
    read().dataset.capDeed = "";
    show();
    timer = window.setTimeout(ask, 250);
  }

  async function ask() {
    const mine = new AbortController();
    asked = mine;
    const query = new URLSearchParams({ size: size.value, price: price ? price.value : "" });
    try {
      const answer = await fetch(`${form.dataset.capPriceUrl}?${query}`, { signal: mine.signal });
      if (!answer.ok || answer.redirected) return;
      const box = document.createElement("template");
      box.innerHTML = (await answer.text()).trim();
      const fresh = box.content.firstElementChild;
      if (asked !== mine || !fresh || fresh.id !== "size-read") return; // a late answer is about what was typed before
      const now = read(); // it stays, so that its changes are read out
      now.className = fresh.className;
      now.textContent = fresh.textContent;
      Object.assign(now.dataset, fresh.dataset);
      show();
    } catch {
      // overtaken, or no connection: the server works the price out when the form is sent
    }
  }

  size.addEventListener("input", forget);
  if (price) price.addEventListener("input", forget);
  form.addEventListener("change", show);
  show();
  if (isOwn() && size.value) forget(); // a browser that comes back fills the fields in again
})();
