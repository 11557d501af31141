'use strict';
// What code of an attacker can do where it runs. Prints one line of JSON. Everything is tried, not
// guessed; what it changes is the container's own, which is thrown away afterwards.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const attempts = {};
const attempt = (name, action) => {
  try {
    attempts[name] = { done: true, detail: String(action()).slice(0, 200) };
  } catch (error) {
    attempts[name] = { done: false, detail: String(error.code ?? error.message).slice(0, 200) };
  }
};

// The first of several programs that runs and ends well.
const run = (...commands) => {
  let problem = 'ENOENT';
  for (const [file, ...args] of commands) {
    const ended = spawnSync(file, args, { timeout: 20000, encoding: 'utf8' });
    if (!ended.error && ended.status === 0) return file;
    const reason = ended.error?.code ?? `exit code ${ended.status}`;
    if (reason !== 'ENOENT') problem = `${file}: ${reason}`;
  }
  throw new Error(problem);
};

const setuidPrograms = (folder, found, depth) => {
  let entries = [];
  try {
    entries = fs.readdirSync(folder, { withFileTypes: true });
  } catch {
    return found;
  }
  for (const entry of entries) {
    const name = path.join(folder, entry.name);
    if (entry.isDirectory() && depth < 12 && !['/proc', '/sys', '/dev'].includes(name)) {
      setuidPrograms(name, found, depth + 1);
    } else if (entry.isFile()) {
      const { mode, uid } = fs.lstatSync(name);
      if (uid === 0 && mode & 0o4000 && mode & 0o001) found.push(entry.name);
    }
  }
  return found;
};

attempt('shell', () => run(...['sh', 'bash', 'dash', 'ash'].map((name) => [name, '-c', 'exit 0'])));
attempt('npm', () => run(['npm', '--version'], ['yarn', '--version'], ['pnpm', '--version']));
attempt('apt', () =>
  run(...['apt-get', 'apk', 'dpkg', 'rpm'].map((name) => [name, '--version'])));
attempt('download', () => run(['curl', '--version'], ['wget', '--version'], ['wget', '--help']));
attempt('compiler', () => run(['cc', '--version'], ['gcc', '--version']));
attempt('code', () => {
  fs.appendFileSync('server.js', '\n// the attacker was here\n');
  return path.resolve('server.js');
});
attempt('program', () => {
  fs.renameSync(process.execPath, `${process.execPath}.old`);
  fs.renameSync(`${process.execPath}.old`, process.execPath);
  return process.execPath;
});
attempt('etc', () => {
  fs.writeFileSync('/etc/attacker', 'was here\n');
  return '/etc/attacker';
});
attempt('root', () => {
  if (process.getuid() === 0) return 'is root already';
  // Some builds of Node.js refuse process.setuid by themselves; a child's uid is the kernel's say.
  const ended = spawnSync(process.execPath, ['--version'], { uid: 0 });
  if (ended.error) throw ended.error;
  return 'setuid(0)';
});
attempt('setuid', () => {
  const found = setuidPrograms('/', [], 0);
  if (!found.length) throw new Error('there are none');
  return `${found.length}: ${found.sort().join(', ')}`;
});
attempt('shadow', () => {
  fs.readFileSync('/etc/shadow');
  return '/etc/shadow';
});
attempt('own', () => {
  const copy = `/tmp/program-${process.pid}`;
  try {
    fs.copyFileSync(process.execPath, copy);
    fs.chmodSync(copy, 0o755);
    return run([copy, '--version']);
  } finally {
    fs.rmSync(copy, { force: true });
  }
});
attempt('tmp', () => {
  fs.writeFileSync('/tmp/attacker', 'was here\n');
  return '/tmp/attacker';
});

const status = fs.readFileSync('/proc/self/status', 'utf8');
const field = (name) => new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? '0';
const bits = [...BigInt(`0x${field('CapEff')}`).toString(2)].filter((bit) => bit === '1').length;
console.log(JSON.stringify({
  uid: process.getuid(),
  capabilities: bits,
  noNewPrivileges: field('NoNewPrivs') === '1',
  node: process.version,
  attempts,
}));
