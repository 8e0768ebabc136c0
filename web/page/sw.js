// Keeps the page for use without a network. The page itself is one file and asks for nothing else.
"use strict";
const KEPT = "imgveil";

self.addEventListener("install", (event) => {
  const keep = async () => {
    const cache = await caches.open(KEPT);
    await cache.add(new Request("./", { cache: "reload" }));
    await self.skipWaiting();
  };
  event.waitUntil(keep());
});

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

// The network first, so that a new version is seen; without it what was kept.
self.addEventListener("fetch", (event) => {
  if (event.request.mode !== "navigate") return;
  const answer = async () => {
    const cache = await caches.open(KEPT);
    try {
      const fresh = await fetch(event.request);
      if (fresh.ok) await cache.put("./", fresh.clone());
      return fresh;
    } catch {
      return (await cache.match("./")) ?? Response.error();
    }
  };
  event.respondWith(answer());
});
