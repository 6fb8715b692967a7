// What pages do beyond plain links and forms. Everything works without it, only less comfortably.
"use strict";

(() => {
  const root = document.documentElement;
  const all = (selector, within = document) => Array.from(within.querySelectorAll(selector));

  // --- light or dark: the system's choice until the reader makes one, which a cookie keeps -----------------
  const systemDark = window.matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.bsTheme ? root.dataset.bsTheme === "dark" : systemDark.matches);

  function toggleTheme() {
    root.dataset.bsTheme = isDark() ? "light" : "dark";
    document.cookie = `theme=${root.dataset.bsTheme}; path=/; max-age=31536000; samesite=lax`;
  }

  // --- keys ------------------------------------------------------------------------------------------------
  function isTyping(element) {
    return element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName);
  }

  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !isTyping(event.target) && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const search = document.querySelector("[data-cap-search]");
      if (search) {
        event.preventDefault();
        search.focus();
        search.select();
      }
    }
    if (event.key === "Escape") {
      for (const menu of all("details.cap-menu[open]")) {
        menu.open = false;
        menu.querySelector("summary").focus();
      }
    }
  });

  // --- clicks ----------------------------------------------------------------------------------------------
  async function copy(button) {
    const said = button.querySelector("[data-cap-said]");
    const before = said.textContent;
    try {
      await navigator.clipboard.writeText(button.dataset.capCopy);
      said.textContent = "Copied";
    } catch {
      said.textContent = "Not allowed here";
    }
    window.setTimeout(() => { said.textContent = before; }, 2000);
  }

  document.addEventListener("click", (event) => {
    const within = (selector) => event.target.closest(selector);
    for (const menu of all("details.cap-menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
    if (within("[data-cap-theme]")) toggleTheme();
    if (within("[data-cap-copy]")) copy(within("[data-cap-copy]"));
    if (within("[data-cap-close]")) within("[data-cap-close]").parentElement.remove();
    const opener = within("[data-cap-dialog]");
    if (opener) {
      event.preventDefault();
      document.getElementById(opener.dataset.capDialog).showModal();
    }
    if (within("[data-cap-dismiss]")) within("dialog").close();
  });

  // --- questions before a form is sent: <form data-cap-confirm="Take back 1.4 GB?"> -------------------------
  function ask(form, submitter) {
    const dialog = document.createElement("dialog");
    dialog.className = "cap-dialog";
    dialog.setAttribute("aria-labelledby", "cap-question");
    dialog.innerHTML = '<form method="dialog"><p id="cap-question"></p><div class="cap-dialog-buttons">'
      + '<button class="btn" value="no">No, go back</button><button class="btn btn-primary" value="yes"></button></div></form>';
    dialog.querySelector("p").textContent = form.dataset.capConfirm;
    const yes = dialog.querySelector("[value=yes]");
    yes.textContent = (submitter && submitter.textContent.trim()) || "Yes";
    dialog.addEventListener("close", () => {
      const agreed = dialog.returnValue === "yes";
      dialog.remove();
      if (agreed) {
        form.dataset.capAgreed = "";
        form.requestSubmit(submitter);
      }
    });
    document.body.append(dialog);
    dialog.showModal();
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.dataset.capConfirm || form.method === "dialog") return;
    if ("capAgreed" in form.dataset) {
      delete form.dataset.capAgreed;
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    ask(form, event.submitter);
  }, true);

  // --- a form is sent once ---------------------------------------------------------------------------------
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented) return;
    if ("capSent" in form.dataset) event.preventDefault();
    form.dataset.capSent = "";
  });
  window.addEventListener("pageshow", () => {
    for (const form of all("form[data-cap-sent]")) delete form.dataset.capSent;
  });

  // --- parts that renew themselves: {% live %} ---------------------------------------------------------------
  // The part asks for itself while the page is seen, keeps focus, open details and scroll, and says since when it
  // is old. A part that comes back without data-cap-live was the last one.
  const clock = new Intl.DateTimeFormat("en-GB", {
    hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone: root.dataset.capZone || undefined,
  });
  const running = new Map();

  function start(part) {
    if (running.has(part.id)) return;
    const state = { html: null, at: new Date(), timer: 0, busy: false };
    running.set(part.id, state);
    plan(part.id, state, Number(part.dataset.capSeconds));
  }

  function plan(id, state, seconds) {
    window.clearTimeout(state.timer);
    state.timer = window.setTimeout(() => renew(id, state), seconds * 1000);
  }

  async function renew(id, state) {
    const part = document.getElementById(id);
    if (!part || !part.dataset.capLive) {
      running.delete(id);
      return;
    }
    const seconds = Number(part.dataset.capSeconds);
    if (document.hidden || state.busy) {
      plan(id, state, seconds); // a hidden page asks nothing; visibilitychange asks at once
      return;
    }
    if (isInUse(part)) {
      plan(id, state, seconds);
      return;
    }
    state.busy = true;
    try {
      const answer = await fetch(part.dataset.capLive, {
        headers: { "HX-Request": "true" }, signal: AbortSignal.timeout(10000),
      });
      if (answer.redirected || answer.headers.has("HX-Redirect")) { // signed out meanwhile
        window.location.reload();
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      const html = (await answer.text()).trim();
      state.at = new Date();
      if (html !== state.html) replace(part, html);
      state.html = html;
      markOld(id, null);
    } catch {
      markOld(id, state.at);
    } finally {
      state.busy = false;
    }
    const next = document.getElementById(id);
    if (next && next.dataset.capLive) plan(id, state, seconds);
    else running.delete(id);
  }

  function isInUse(part) { // somebody types or decides something in it
    const focused = document.activeElement;
    return (part.contains(focused) && isTyping(focused)) || part.querySelector("dialog[open]") !== null;
  }

  function replace(part, html) {
    const box = document.createElement("template");
    box.innerHTML = html;
    const fresh = box.content.firstElementChild;
    if (!fresh || fresh.id !== part.id) return;
    const focused = part.contains(document.activeElement) ? document.activeElement : null;
    const place = focused ? likes(focused, part).indexOf(focused) : -1;
    const open = all("details[id][open]", part).map((details) => details.id);
    const said = new Map(all("[data-cap-say]", part).map((one) => [one.dataset.capSay, one.textContent.trim()]));
    const scrolled = all("[id]", part).filter((one) => one.scrollTop || one.scrollLeft);
    part.replaceWith(fresh);
    for (const id of open) {
      const details = document.getElementById(id);
      if (details) details.open = true;
    }
    for (const old of scrolled) {
      const now = document.getElementById(old.id);
      if (now) now.scrollTo(old.scrollLeft, old.scrollTop);
    }
    const again = focused && likes(focused, fresh)[place];
    if (again) again.focus({ preventScroll: true });
    for (const one of all("[data-cap-say]", fresh)) {
      const words = one.textContent.trim();
      if (words && said.get(one.dataset.capSay) !== words) say(words);
    }
    wake(fresh);
    if (window.htmx) window.htmx.process(fresh);
    if (fresh.dataset.capVersion !== part.dataset.capVersion) follow(part.id);
  }

  // What hangs on a part's version – <div id="deeds" data-cap-follows="progress" data-cap-from="/orders/7/"> – is drawn
  // anew from that page when the part comes with another one; not while somebody types in it.
  async function follow(id) {
    const followers = all(`[data-cap-follows="${CSS.escape(id)}"]`);
    if (!followers.length) return;
    if (document.hidden || followers.some((one) => isInUse(one) || hasTyped(one))) {
      window.setTimeout(() => follow(id), 1000);
      return;
    }
    try {
      const answer = await fetch(followers[0].dataset.capFrom);
      if (!answer.ok || answer.redirected) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const one of followers) {
        const fresh = page.getElementById(one.id);
        if (fresh && one.isConnected) replace(one, fresh.outerHTML);
      }
    } catch {
      window.setTimeout(() => follow(id), 5000);
    }
  }

  function hasTyped(part) {
    return all("input:not([type=hidden]), textarea", part).some((one) => one.value !== one.defaultValue);
  }

  function likes(one, within) { // what can stand for it after it was drawn anew: the same id, else the same link
    if (one.id) return all(`#${CSS.escape(one.id)}`, within);
    const href = one.getAttribute("href");
    return href ? all("a[href]", within).filter((link) => link.getAttribute("href") === href) : [];
  }

  function markOld(id, since) {
    const note = document.querySelector(`#${CSS.escape(id)} > [data-cap-as-of]`);
    if (!note) return;
    note.hidden = since === null;
    note.textContent = since === null ? "" : `As of ${clock.format(since)} – no connection, we keep trying.`;
  }

  function say(words) {
    const voice = document.getElementById("cap-voice");
    if (voice) voice.textContent = words;
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    for (const [id, state] of running) {
      window.clearTimeout(state.timer);
      renew(id, state);
    }
  });

  // --- where it lies over the page, good news goes by itself, unless somebody reads it -------------------------
  function fade(toast) {
    window.setTimeout(() => {
      if (toast.matches(":hover, :focus-within")) fade(toast);
      else toast.remove();
    }, 10000);
  }

  // --- what needs a script shows only where there is one -------------------------------------------------------
  function wake(part) {
    for (const button of all("[data-cap-theme], [data-cap-close], [data-cap-copy], [data-cap-dialog]", part)) {
      button.hidden = false;
    }
    if (part.matches && part.matches("[data-cap-live]")) start(part);
    all("[data-cap-live]", part).forEach(start);
  }

  root.dataset.capAwake = "";
  wake(document);
  if (window.getComputedStyle(document.getElementById("messages")).position === "fixed") {
    all(".cap-toast-success, .cap-toast-info").forEach(fade);
  }
  document.addEventListener("htmx:load", (event) => wake(event.detail.elt));
})();
