// The worker and what is asked of it. The bytes of the module and the text of the worker lie in the page; both are
// compared with their hashes before they are used.
const engine = {
  worker: null,
  module: null,
  source: null,
  next: 1,
  waiting: new Map(),

  // Takes the module out of the page.
  async unpack() {
    if (!window.isSecureContext || !crypto.subtle) {
      throw new Error("Open this page by https, from this machine (localhost), or as a file: an address that others on "
        + "the network could change is no place for a key.");
    }
    const packed = Uint8Array.from(atob($("module").textContent), (letter) => letter.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    this.module = await new Response(stream).arrayBuffer();
    this.source = $("worker").textContent;
    await this.compare(this.module, "{{module-hash}}");
    await this.compare(new TextEncoder().encode(this.source), "{{worker-hash}}");
    $("module").remove();
  },

  async compare(bytes, expected) {
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    const found = Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
    if (found !== expected) {
      throw new Error("This page is damaged: its program is not the one that was built. Get it again.");
    }
  },

  // Starts the worker. What was open in an earlier one is gone.
  async start() {
    this.worker?.terminate();
    for (const { fail } of this.waiting.values()) fail({ kind: "ended", words: "The work was ended." });
    this.waiting.clear();
    const address = URL.createObjectURL(new Blob([this.source], { type: "text/javascript" }));
    this.worker = new Worker(address, { name: "imgveil" });
    URL.revokeObjectURL(address);
    this.worker.onmessage = ({ data }) => this.take(data);
    this.worker.onerror = (event) => {
      event.preventDefault();
      const error = { kind: "broken", words: event.message || "The worker did not start." };
      for (const { fail } of this.waiting.values()) fail(error);
      this.waiting.clear();
    };
    return this.ask("start", { module: this.module.slice(0) });
  },

  take({ id, value, error, progress }) {
    const waiting = this.waiting.get(id);
    if (!waiting) return;
    if (progress) {
      waiting.onprogress?.(progress);
      return;
    }
    this.waiting.delete(id);
    if (error) waiting.fail(error);
    else waiting.done(value);
  },

  // Asks the worker. The answer is a promise that fails with { kind, words }.
  ask(task, data = {}, onprogress = null) {
    const id = this.next++;
    return new Promise((done, fail) => {
      this.waiting.set(id, { done, fail, onprogress });
      this.worker.postMessage({ id, task, ...data });
    });
  },
};
