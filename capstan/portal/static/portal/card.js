// The card's fields are the payment partner's own, in frames of theirs. What its script says is shown, and not believed: the
// page that follows waits for the partner's word to our server.
(() => {
  const form = document.getElementById("card-form");
  const problem = document.getElementById("card-problem");
  const button = form.querySelector("button");
  if (typeof Stripe !== "function") return;
  const stripe = Stripe(form.dataset.key);
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const card = stripe.elements().create("card", {
    hidePostalCode: true,
    style: { base: { fontSize: "17px", color: dark ? "#e9eef4" : "#182433" } },
  });
  card.mount("#card");
  form.hidden = false;
  document.getElementById("card-missing").hidden = true;

  const say = (words) => {
    problem.textContent = words;
    problem.hidden = !words;
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    say("");
    button.disabled = true;
    try {
      const done = await stripe.confirmCardPayment(form.dataset.secret, { payment_method: { card } });
      if (done.error) say(done.error.message || "The card was not accepted. Please try another one.");
      else location.assign(form.dataset.back);
    } catch {
      say("The payment partner can't be reached. Nothing is known to be paid: please try again.");
    }
    button.disabled = false;
  });
})();
