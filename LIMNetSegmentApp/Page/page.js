/* What the page does by itself: keys, the fusion strip's drags, uploads, the folder's list. */
(function () {
  "use strict";

  const KEYS = {
    n: ["switchSign"],
    Enter: ["propagate"],
    c: ["goToNextSlice"],
    l: ["toggleLock"],
    d: ["toggleChange"],
    x: ["toggleCrosshair"],
    f: ["fitViews"],
    Escape: ["cancel"],
  };
  const get = (name) => window.trame && window.trame.state.get(name);
  const set = (name, value) => window.trame.state.set(name, value);
  const call = (name, values) => window.trame.trigger(name, values || []);
  const isWriting = (target) =>
    target instanceof Element && target.matches("input:not([type=range]):not([type=checkbox]):not([type=color]), select, textarea");

  function actionOf(event) {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.ctrlKey || event.metaKey) {
      if (key === "y" || (key === "z" && event.shiftKey)) return ["redo"];
      return key === "z" ? ["undo"] : null;
    }
    if (event.altKey || event.shiftKey) return null;
    if (key === "Backspace" || key === "Delete") return ["removeClick", [get("hovered") || ""]];
    if (key === "w") return ["dragWindow", [!get("tab").dragsWindow]];
    if (key === "Enter" && event.target instanceof HTMLButtonElement) return null;
    return KEYS[key] || null;
  }

  window.addEventListener(
    "keydown",
    (event) => {
      const tab = get("tab");
      if (!tab || isWriting(event.target)) return;
      if (event.key === "Escape" && (get("openDialog") || get("helpDialog"))) {
        set("openDialog", false);
        set("helpDialog", false);
        return;
      }
      if (tab.phase !== "ready" || get("openDialog") || get("helpDialog")) return;
      const action = actionOf(event);
      if (!action) return;
      event.preventDefault();
      event.stopPropagation();
      if (!event.repeat) call(...action);
    },
    true
  );

  function barAt(body, clientX) {
    const bars = (get("strip") || { bars: [] }).bars;
    const box = body.getBoundingClientRect();
    const x = Math.min(999.9, Math.max(0, (1000 * (clientX - box.left)) / box.width));
    let found = null;
    for (const bar of bars) if (bar.x <= x) found = bar;
    return found;
  }

  function stripPressed(event) {
    const body = event.currentTarget;
    const first = barAt(body, event.clientX);
    if (!first) return;
    if (event.button === 2 || event.ctrlKey || event.metaKey) {
      call("toggleLock", [first.i]);
      return;
    }
    let shown = first.i;
    call("goToSlice", [shown]);
    const drag = (move) => {
      const bar = barAt(body, move.clientX);
      if (bar && bar.i !== shown) call("goToSlice", [(shown = bar.i)]);
    };
    const stop = () => {
      window.removeEventListener("mousemove", drag);
      window.removeEventListener("mouseup", stop);
    };
    window.addEventListener("mousemove", drag);
    window.addEventListener("mouseup", stop);
  }

  /* Nothing is told any more of what went wrong before. */
  function forget() {
    set("uploadProblem", "");
    call("dismiss");
  }

  function open(text) {
    forget();
    set("openDialog", false);
    call("openPath", [text]);
  }

  function upload(files) {
    if (!files || !files.length) return;
    const form = new FormData();
    for (const file of files) form.append("file", file, file.name);
    const request = new XMLHttpRequest();
    const end = (problem) => {
      set("uploadText", "");
      set("uploadProblem", problem);
      if (!problem) set("openDialog", false);
    };
    request.open("POST", "upload");
    request.upload.onprogress = (step) =>
      set("uploadText", step.loaded < step.total ? `Sending ${Math.floor((100 * step.loaded) / step.total)} %` : "Reading \u2026");
    request.onload = () => {
      let answer = {};
      try {
        answer = JSON.parse(request.responseText);
      } catch (_) {
        answer = { error: "The server could not take this file." };
      }
      end(answer.error || "");
    };
    request.onerror = () => end("The connection broke while the file was sent; try again.");
    forget();
    set("uploadText", "Sending \u2026");
    request.send(form);
  }

  async function list(folder) {
    if (folder === null) {
      set("entriesShown", false);
      return;
    }
    const entries = await call("listFolder", [folder]);
    set("entries", entries || []);
    set("listedFolder", folder);
    set("entriesShown", true);
  }

  /* The selected segment is always seen, however long the list is. */
  let seen = null;
  new MutationObserver(() => {
    const selected = document.querySelector(".segment.selected");
    if (selected && selected !== seen) selected.scrollIntoView({ block: "nearest" });
    seen = selected;
  }).observe(document.documentElement, {
    subtree: true,
    childList: true,
    attributes: true,
    attributeFilter: ["class"],
  });

  window.limnetPage = {
    stripPressed,
    open,
    upload,
    list,
    drop: (event) => upload(event.dataTransfer.files),
  };

  Object.defineProperty(window, "limnet", {
    get() {
      const tab = get("tab") || {};
      const panel = get("panel") || {};
      const views = get("views") || {};
      return {
        phase: tab.phase,
        ready: tab.phase === "ready" && panel.isReady === true,
        busy: panel.isBusy === true,
        rounds: panel.rounds || 0,
        clicks: panel.clicks || 0,
        planeName: panel.planeName || "",
        currentSlice: panel.currentSlice,
        nextSlice: panel.nextSlice,
        isRoundRunning: panel.isRoundRunning === true,
        isAskingPartial: panel.isAskingPartial === true,
        done: panel.done || 0,
        total: panel.total || 0,
        kept: (get("kept") || []).map((work) => work.id),
        isError: panel.isError === true,
        text: panel.text || "",
        canUndo: panel.canUndo === true,
        segments: get("segments") || [],
        volume: tab.volume || "",
        slices: Object.fromEntries(Object.entries(views).map(([name, view]) => [name, view.value])),
      };
    },
  });
})();
