// How long a duration is: GET /2.5h answers with milliseconds.
import { createServer } from 'node:http';
import ms from 'ms';

const PORT = Number(process.env.PORT ?? 3000);

function answer(text: string): { status: number; body: object } {
  if (text === 'health') return { status: 200, body: { status: 'ok' } };
  const length: number | undefined = text ? ms(text as ms.StringValue) : undefined;
  if (length === undefined) return { status: 400, body: { error: 'a duration, such as /2.5h' } };
  return { status: 200, body: { milliseconds: length, short: ms(length) } };
}

const server = createServer((request, response) => {
  const { status, body } = answer(decodeURIComponent((request.url ?? '/').slice(1)));
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(body));
});

server.listen(PORT, () => console.log(`listening on ${PORT}`));
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => server.close(() => process.exit(0)));
}
