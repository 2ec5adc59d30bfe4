// A backend that can be well, refuse notifications, or be down; it answers everything else slowly enough to be seen.
import { createServer } from "node:http";

export async function backend() {
  const state = { mood: "well", calls: 0 };
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => {
      state.calls += 1;
      const notification = /notif/i.test(request.url);
      const status =
        state.mood === "well" ? 200
        : notification ? (state.mood === "refusing" ? 422 : 503)
        : /sendOTP/i.test(request.url) ? 500 : 200;
      const after = notification ? 2 : 10 + ((state.calls * 37) % 120);
      setTimeout(() => {
        response.writeHead(status, { "content-type": "application/json" });
        response.end("{}");
      }, after);
    });
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  return { state, url: `http://127.0.0.1:${server.address().port}`, end: () => server.close() };
}
