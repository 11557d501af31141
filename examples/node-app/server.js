'use strict';
// Planets come from a file that is part of the application, notes go to a file in /tmp.

const { readFileSync } = require('node:fs');
const { appendFile, readFile } = require('node:fs/promises');
const os = require('node:os');
const path = require('node:path');
const express = require('express');

const PORT = Number(process.env.PORT ?? 3000);
const NOTES = path.join(os.tmpdir(), 'notes.jsonl');
const LONGEST_NOTE = 1000;

const planets = JSON.parse(readFileSync(path.join(__dirname, 'data', 'planets.json'), 'utf8'));

function application() {
  const app = express();
  app.disable('x-powered-by');
  app.use(express.json({ limit: '16kb' }));

  app.get('/', (request, response) => {
    response.type('text/plain').send('GET /planets, /planets/NAME, /notes, /health; POST /notes\n');
  });

  app.get('/health', (request, response) => {
    response.json({ status: 'ok' });
  });

  app.get('/planets', (request, response) => {
    response.json(planets.map((planet) => planet.name));
  });

  app.get('/planets/:name', (request, response) => {
    const found = planets.find((planet) => planet.name === request.params.name.toLowerCase());
    if (!found) return response.status(404).json({ error: 'no such planet' });
    return response.json(found);
  });

  app.get('/notes', async (request, response) => {
    response.json(await notes());
  });

  app.post('/notes', async (request, response) => {
    const text = request.body?.text;
    if (typeof text !== 'string' || !text || text.length > LONGEST_NOTE) {
      return response.status(400).json({ error: `text: 1 to ${LONGEST_NOTE} characters` });
    }
    await appendFile(NOTES, `${JSON.stringify({ text })}\n`, { mode: 0o600 });
    return response.status(201).json({ text });
  });

  app.use((request, response) => {
    response.status(404).json({ error: 'no such route' });
  });

  // Express knows an error handler by its four parameters.
  app.use((error, request, response, next) => {
    const status = error.status ?? 500;
    if (status >= 500) console.error(error);
    response.status(status).json({ error: status >= 500 ? 'internal error' : error.message });
  });
  return app;
}

async function notes() {
  try {
    const lines = (await readFile(NOTES, 'utf8')).split('\n');
    return lines.filter(Boolean).map((line) => JSON.parse(line).text);
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}

function main() {
  const server = application().listen(PORT, (error) => {
    if (error) throw error;
    console.log(`listening on ${PORT}`);
  });

  // The first process of a container gets no default handlers: without these it could only be killed.
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.once(signal, () => {
      console.log(`${signal}: stopping`);
      server.close(() => process.exit(0));
      server.closeIdleConnections();
      setTimeout(() => server.closeAllConnections(), 500).unref();
    });
  }
}

if (require.main === module) main();

module.exports = { application, NOTES };
