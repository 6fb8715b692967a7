// What pages do beyond plain links and forms. Everything works without it, only less comfortably.
"use strict";

(() => {
  const root = document.documentElement;

  // --- light or dark: the system's choice until the reader makes one, which a cookie keeps ---------------
  const systemDark = window.matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.bsTheme ? root.dataset.bsTheme === "dark" : systemDark.matches);

  function toggleTheme() {
    root.dataset.bsTheme = isDark() ? "light" : "dark";
    document.cookie = `theme=${root.dataset.bsTheme}; path=/; max-age=31536000; samesite=lax`;
  }

  // --- keys ---------------------------------------------------------------------------------------------
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
      for (const menu of document.querySelectorAll("details.cap-menu[open]")) {
        menu.open = false;
        menu.querySelector("summary").focus();
      }
    }
  });

  // --- clicks -------------------------------------------------------------------------------------------
  async function copy(button) {
    await navigator.clipboard.writeText(button.dataset.capCopy);
    const said = button.querySelector("[data-cap-said]");
    if (said) {
      const before = said.textContent;
      said.textContent = "Copied";
      window.setTimeout(() => { said.textContent = before; }, 2000);
    }
  }

  document.addEventListener("click", (event) => {
    const within = (selector) => event.target.closest(selector);
    for (const menu of document.querySelectorAll("details.cap-menu[open]")) {
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
  });

  // --- buttons that need a script show only where there is one --------------------------------------------
  function wake(part) {
    for (const button of part.querySelectorAll("[data-cap-theme], [data-cap-close], [data-cap-copy], [data-cap-dialog]")) {
      button.hidden = false;
    }
  }

  wake(document);
  document.addEventListener("htmx:load", (event) => wake(event.detail.elt));
})();
