// Slack's own clients, driven line by line: each line of the input is a call of the Web API, {"method", "args"}, or
// {"acknowledge": false} to leave what comes over the socket unanswered from then on. Each line of the output is what
// became of a call, a state of the socket, or what came over it.
import { createInterface } from 'node:readline';
import { SocketModeClient } from '@slack/socket-mode';
import { WebClient } from '@slack/web-api';

const slackApiUrl = process.env.SLACKTEST_API;
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

const web = new WebClient(process.env.SLACKTEST_BOT, { slackApiUrl, retryConfig: { retries: 0 }, rejectRateLimitedCalls: true });
const socket = new SocketModeClient({ appToken: process.env.SLACKTEST_APP, clientOptions: { slackApiUrl }, logLevel: 'error' });

let acknowledge = true;
for (const state of ['connected', 'reconnecting', 'disconnected']) {
  socket.on(state, () => say({ state }));
}
for (const what of ['interactive', 'slash_commands', 'app_mention']) {
  socket.on(what, async ({ ack, body }) => {
    if (acknowledge) {
      await ack();
    }
    say({ body });
  });
}

async function call(method, args) {
  try {
    const function_ = method.split('.').reduce((at, name) => at[name], web);
    say({ method, answer: await function_(args ?? undefined) });
  } catch (error) {
    say({ method, code: error.code, error: error.data?.error ?? error.message, retryAfter: error.retryAfter });
  }
}

await socket.start();
for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  if (order.method) {
    await call(order.method, order.args);
  } else {
    acknowledge = order.acknowledge;
    say({ acknowledge });
  }
}
await socket.disconnect();
