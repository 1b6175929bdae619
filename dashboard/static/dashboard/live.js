// Keeps a page up to date, without getting in the way of the person using it.
//
// data-live="URL"     the elements within are refreshed when this stream of events says so; without a stream, every few seconds
// data-poll="5"       the same without a stream, at this interval in seconds
// data-refresh="URL"  an element within, to be replaced by what this address answers
// data-live-indicator shows how: live, polling or paused
// data-goes-on        a form that sends itself: the next part of what takes longer than a request
"use strict";
(() => {
  const BETWEEN_MS = 1000; // at most one refresh a second
  const POLL_MS = 5000;
  const RETRY_MS = 60000; // without a stream: when to ask for one again
  const RECONNECT_MS = 4000; // how long a broken stream may take to reconnect before the page polls
  const FIELDS = "input, select, textarea, [contenteditable]";

  class Feed {
    constructor(url, seconds) {
      Object.assign(this, { url, regions: [], stale: false, busy: false, last: 0, ended: false });
      this.pollMs = seconds * 1000 || POLL_MS;
    }

    start() {
      if (this.ended || document.hidden) return;
      if (this.url) this.listen();
      if (!this.isLive()) this.poll();
    }

    stop() {
      this.source?.close();
      for (const timer of [this.polling, this.reconnecting, this.retrying, this.waiting]) clearTimeout(timer);
      this.source = this.polling = this.reconnecting = this.retrying = this.waiting = undefined;
    }

    listen() {
      this.source?.close();
      const source = (this.source = new EventSource(this.url));
      source.onopen = () => {
        for (const timer of [this.polling, this.reconnecting, this.retrying]) clearTimeout(timer);
        this.polling = this.reconnecting = this.retrying = undefined;
        say();
      };
      source.addEventListener("change", () => this.change());
      source.addEventListener("end", () => {
        this.ended = true;
        this.stop();
        this.change();
      });
      source.onerror = () => {
        clearTimeout(this.reconnecting);
        // Closed: refused, because all streams are in use or permanently.
        this.reconnecting = setTimeout(() => this.fallBack(source), source.readyState === EventSource.CLOSED ? 0 : RECONNECT_MS);
      };
    }

    fallBack(source) {
      source.close();
      this.retrying = setTimeout(() => this.listen(), RETRY_MS);
      this.poll();
      say();
    }

    poll() {
      clearTimeout(this.polling);
      this.polling = setTimeout(() => {
        this.change();
        this.poll();
      }, this.pollMs);
    }

    change() {
      this.stale = true;
      this.refreshWhenFree();
    }

    // Refresh now, or as soon as the person is not using the region and the last refresh is long enough ago.
    refreshWhenFree() {
      say();
      clearTimeout(this.waiting);
      if (!this.stale || this.busy || this.isHeld()) return;
      const wait = this.last + BETWEEN_MS - Date.now();
      if (wait > 0) this.waiting = setTimeout(() => this.refreshWhenFree(), wait);
      else this.refresh();
    }

    async refresh() {
      Object.assign(this, { stale: false, busy: true, last: Date.now() });
      const parts = this.regions.flatMap((region) => [...region.querySelectorAll("[data-refresh]")]);
      const asked = parts.map((part) => htmx.ajax("GET", part.dataset.refresh, { target: part, source: part, swap: part.dataset.swap || "outerHTML" }));
      await Promise.allSettled(asked);
      this.busy = false;
      this.refreshWhenFree();
    }

    isLive() {
      return this.source?.readyState === EventSource.OPEN;
    }

    isHeld() {
      if (document.hidden) return true;
      const selection = document.getSelection();
      return this.regions.some(
        (region) =>
          (region.contains(document.activeElement) && document.activeElement.matches(FIELDS)) ||
          (!selection.isCollapsed && selection.containsNode(region, true)) ||
          // A button that is replaced while it is pressed never gets the click.
          region.querySelector("dialog[open], details[data-hold][open], a:active, button:active, summary:active"),
      );
    }
  }

  const feeds = new Map();
  const feedOf = (element) => feeds.get(keyOf(element.closest("[data-live], [data-poll]")));
  const keyOf = (region) => region?.dataset.live || region;

  function say() {
    const all = [...feeds.values()].filter((feed) => !feed.ended);
    const word = all.some((feed) => feed.stale && feed.isHeld()) ? "paused" : all.every((feed) => feed.isLive()) ? "live" : "polling";
    for (const indicator of document.querySelectorAll("[data-live-indicator]")) {
      indicator.hidden = !all.length;
      if (indicator.dataset.is !== word) indicator.textContent = indicator.dataset.is = word;
    }
  }

  // What a swap would lose: focus, how far things are scrolled, which details are open.
  // A label or an address tells an element better than its text, which may be a number that has just changed.
  const named = (element) => element.id || [element.tagName, element.getAttribute("href"), element.getAttribute("aria-label"), element.name, element.value, element.hasAttribute("aria-label") || element.textContent.trim()].join();
  const leadsWhere = (element) => element.hasAttribute("href") && element.getAttribute("href");
  function remember(part) {
    const focused = part.contains(document.activeElement) ? document.activeElement : null;
    const scrolled = [...part.querySelectorAll(".table")].map((table) => [named(table), table.scrollLeft, table.scrollTop]);
    const open = [...part.querySelectorAll("details[open][id]")].map((details) => details.id);
    const { scrollX, scrollY } = window;
    return () => {
      for (const id of open) document.getElementById(id)?.setAttribute("open", "");
      const now = [...document.querySelectorAll(`#${CSS.escape(part.id)} :is(a, button, summary, [tabindex])`)];
      for (const [name, left, top] of scrolled) now.find((table) => sameTable(table, name))?.scrollTo(left, top);
      if (focused) {
        const again = now.find((element) => named(element) === named(focused)) ?? now.find((element) => leadsWhere(focused) && leadsWhere(element) === leadsWhere(focused));
        // Where the element is gone, focus goes to its part, so that the next Tab does not begin at the top of the page.
        (again ?? placeOf(part.id)).focus({ preventScroll: true });
      }
      window.scrollTo(scrollX, scrollY);
    };
  }
  const placeOf = (id) => Object.assign(document.getElementById(id), { tabIndex: -1 });
  const sameTable = (element, name) => element.matches(".table") && named(element) === name;

  const restore = new WeakMap();
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const feed = feedOf(detail.target);
    if (!feed) return;
    if (new URL(detail.xhr.responseURL).pathname !== new URL(detail.pathInfo.requestPath, location).pathname) {
      detail.shouldSwap = false; // redirected: nobody is signed in any more
      location.reload();
    } else if (feed.isHeld()) {
      detail.shouldSwap = false;
      feed.stale = true;
    } else restore.set(detail.xhr, remember(detail.target));
  });
  document.addEventListener("htmx:afterSwap", ({ detail }) => {
    restore.get(detail.xhr)?.();
    say();
  });

  const refreshAllWhenFree = () => setTimeout(() => feeds.forEach((feed) => feed.refreshWhenFree()));
  for (const event of ["focusin", "focusout", "selectionchange", "close", "toggle", "pointerup", "pointercancel", "keyup"]) document.addEventListener(event, refreshAllWhenFree, true);
  // A hidden page leaves its stream to others.
  document.addEventListener("visibilitychange", () =>
    feeds.forEach((feed) => {
      if (document.hidden) feed.stop();
      else if (!feed.ended) feed.start(), feed.change();
      else feed.refreshWhenFree();
    }),
  );
  window.addEventListener("pagehide", () => feeds.forEach((feed) => feed.stop()));
  window.addEventListener("pageshow", ({ persisted }) => persisted && feeds.forEach((feed) => (feed.start(), feed.change())));

  for (const region of document.querySelectorAll("[data-live], [data-poll]")) {
    const key = keyOf(region);
    if (!feeds.has(key)) feeds.set(key, new Feed(region.dataset.live, Number(region.dataset.poll)));
    feeds.get(key).regions.push(region);
  }
  feeds.forEach((feed) => feed.start());
  if (feeds.size) say();

  // Not from the browser's memory of a page: what it would do has been done.
  window.addEventListener("pageshow", ({ persisted }) => persisted || document.querySelector("form[data-goes-on]")?.requestSubmit());
})();
