// Keeps the part of the page with id "live" up to date. Without this script the refresh link does the same by hand.
"use strict";

(() => {
  const live = () => document.getElementById("live");
  const every = () => Number(live()?.dataset.every || 0);
  let tag = null;
  let lost = false;
  let timer = 0;
  let looks = 0;  // since the page was opened or came back into view: the first ones come sooner, for who has just submitted

  // Times in the reader's own zone, where it is another than the course's.
  function localise(root) {
    const own = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
    let differs = false;
    for (const time of root.querySelectorAll("time[datetime]")) {
      const there = /([+-])(\d\d):(\d\d)$/.exec(time.dateTime);
      if (!there) continue;
      const offset = (there[1] === "-" ? -1 : 1) * (Number(there[2]) * 60 + Number(there[3]));
      const at = new Date(time.dateTime);
      if (-at.getTimezoneOffset() === offset) continue;
      differs = true;
      const said = `where you are: ${own.format(at)}`;
      if (time.closest("table, h1")) {
        time.title = said;  // where there is no room for it
      } else {
        const beside = document.createElement("span");
        beside.className = "quiet";
        beside.textContent = ` (${said})`;
        (time.closest("a") || time).after(beside);
      }
    }
    const zone = document.getElementById("zone");
    if (differs && zone) zone.textContent = "; yours stands beside them";
  }

  function replace(page) {
    const fresh = page.getElementById("live");
    const old = live();
    if (!fresh) return;
    const open = new Set([...old.querySelectorAll("details[open][id]")].map((each) => each.id));
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    const place = focused ? [...old.querySelectorAll("a, button, summary, [tabindex]")].indexOf(focused) : -1;
    const spoken = fresh.dataset.said || "";
    if (spoken && spoken !== old.dataset.said) document.getElementById("said").textContent = spoken;
    old.replaceWith(document.adoptNode(fresh));
    for (const each of fresh.querySelectorAll("details[id]")) if (open.has(each.id)) each.open = true;
    if (place >= 0) fresh.querySelectorAll("a, button, summary, [tabindex]")[place]?.focus({ preventScroll: true });
    localise(fresh);
    // Feedback appears below the live part, or is written anew: only a whole page has it.
    if (framed(page) !== framed(document)) location.reload();
  }

  function framed(root) {
    return [...root.querySelectorAll("iframe")].map((each) => each.getAttribute("src")).join(" ");
  }

  function tell(isLost) {
    if (isLost === lost) return;
    lost = isLost;
    const said = document.getElementById("said");
    said.textContent = isLost ? "The service does not answer at the moment. This page goes on when it does." : "";
    said.className = isLost ? "lost" : "visually-hidden";
  }

  // A whole page leads through the hub's sign-in; at most once a minute, so that nothing goes round in circles.
  function signInAgain() {
    const before = Number(sessionStorage.getItem("signed-in-again") || 0);
    if (Date.now() - before < 60_000) return false;
    sessionStorage.setItem("signed-in-again", String(Date.now()));
    location.reload();
    return true;
  }

  async function look() {
    timer = 0;
    looks += 1;
    if (document.hidden || !every()) return;
    try {
      const headers = { "X-Xsrftoken": document.body.dataset.xsrf };
      if (tag) headers["If-None-Match"] = tag;
      const answer = await fetch(location.href.split("#")[0], { headers, cache: "no-store", redirect: "error" });
      if (answer.status === 401 && signInAgain()) return;
      if (answer.status === 200) {
        tag = answer.headers.get("ETag");
        replace(new DOMParser().parseFromString(await answer.text(), "text/html"));
      }
      tell(answer.status !== 200 && answer.status !== 304);
    } catch {
      tell(true);
    }
    wait();
  }

  function wait() {
    if (!timer && every()) timer = setTimeout(look, 1000 * (lost ? Math.min(5 * every(), 30) : Math.min(every(), 1 + looks)));
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    clearTimeout(timer);
    timer = looks = 0;
    wait();
  });
  localise(document);
  wait();
})();
