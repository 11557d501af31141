'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { mkdtempSync, rmSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, test } = require('node:test');
const request = require('supertest');

const folder = mkdtempSync(path.join(os.tmpdir(), 'node-app-'));
process.env.TMPDIR = folder;
after(() => rmSync(folder, { recursive: true }));

const { application } = require('../server.js');
const app = application();

test('it is healthy', () => request(app).get('/health').expect(200, { status: 'ok' }));

test('it lists planets from its own file', () =>
  request(app).get('/planets').expect(200, ['mercury', 'venus', 'earth', 'mars']));

test('a planet is found in any case of letters', async () => {
  const { body } = await request(app).get('/planets/Earth').expect(200);
  assert.equal(body.moons, 1);
});

test('an unknown planet is not found', () => request(app).get('/planets/vulcan').expect(404));

test('an unknown route is not found', () =>
  request(app).get('/nowhere').expect(404, { error: 'no such route' }));

test('a note is kept', async () => {
  await request(app).post('/notes').send({ text: 'first' }).expect(201);
  await request(app).get('/notes').expect(200, ['first']);
});

test('a note without text is refused', () =>
  request(app).post('/notes').send({ text: '' }).expect(400));

test('what is no JSON is refused', () =>
  request(app).post('/notes').type('json').send('{').expect(400));

test('a huge note is refused', () =>
  request(app).post('/notes').send({ text: 'x'.repeat(20000) }).expect(413));

test('it stops within a second of SIGTERM', async () => {
  const child = spawn(process.execPath, [path.join(__dirname, '..', 'server.js')], {
    env: { ...process.env, PORT: '0' },
  });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  const began = Date.now();
  child.kill('SIGTERM');
  const code = await new Promise((resolve) => child.once('exit', resolve));
  assert.equal(code, 0);
  assert.ok(Date.now() - began < 1000);
});
