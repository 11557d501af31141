'use strict';
// Counts requests; the colour is for people who read logs.

const { createServer } = require('node:http');
const kleur = require('kleur');

const port = Number(process.env.PORT ?? 80);
let count = 0;
const server = createServer((request, response) => {
  if (request.url === '/health') return response.end('ok\n');
  count += 1;
  console.log(kleur.green(`${count}: ${request.url}`));
  return response.end(`${count}\n`);
});
server.listen(port);
process.once('SIGTERM', () => server.close(() => process.exit(0)));
