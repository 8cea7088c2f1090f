// Drives node-zookeeper-client and says what comes of it: the same on every server that keeps to the protocol.
//
//   node node_client.js HOSTS
//
// Where a line says `> NAME` it waits for a line from stdin, so that a leader can be killed meanwhile.
'use strict';

const zookeeper = require('node-zookeeper-client');
const lines = require('readline').createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const hosts = process.argv[2];
const events = [];
const waiting = [];

const note = (event) => {
    const told = `${event.getName()} ${event.getPath()}`;
    if (waiting.length) waiting.shift()(told);
    else events.push(told);
};

/** The next event, in the order in which they came. */
const nextEvent = () =>
    events.length ? Promise.resolve(events.shift()) : Promise.race([
        new Promise((resolve) => waiting.push(resolve)),
        new Promise((resolve) => setTimeout(resolve, 30000, 'NO EVENT').unref()),
    ]);

/** Calls a method whose last argument is a callback; answers with its results, and says how it ended. */
const call = (client, method, ...rest) =>
    new Promise((resolve) => client[method](...rest, (error, ...results) => {
        resolve({ error: error ? error.name || String(error) : null, results });
    }));

const say = async (client, what, method, ...rest) => {
    const { error, results } = await call(client, method, ...rest);
    console.log(`${what}: ${error || 'ok'}`);
    return error ? [] : results;
};

const sayStat = (s) => {
    const int = (bytes) => (Buffer.isBuffer(bytes) ? bytes.readBigInt64BE() : BigInt(bytes));
    console.log(`  version ${s.version} cversion ${s.cversion} aversion ${s.aversion} length ${s.dataLength} ` +
        `children ${s.numChildren} ${int(s.ephemeralOwner) ? 'ephemeral' : ''} ` +
        `${int(s.mzxid) > int(s.czxid) ? 'changed' : 'unchanged'}`);
};

/** A request until the server that is asked knows an answer: a connection may just have broken. */
const stubborn = async (client, what, method, ...rest) => {
    for (let i = 0; i < 600; i++) {
        const { error, results } = await call(client, method, ...rest);
        if (error !== 'CONNECTION_LOSS') {
            console.log(`${what}: ${error || 'ok'}`);
            return error ? [] : results;
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
    console.log(`${what}: NEVER ANSWERED`);
    return [];
};

const open = async () => {
    const client = zookeeper.createClient(hosts, { sessionTimeout: 8000, spinDelay: 50 });
    const connected = new Promise((resolve) => client.once('connected', resolve));
    client.connect();
    await connected;
    return client;
};

const modes = zookeeper.CreateMode;

async function nodes(client) {
    for (const [path, mode] of [['/c', modes.PERSISTENT], ['/c/e', modes.EPHEMERAL], ['/c/s-', modes.PERSISTENT_SEQUENTIAL],
        ['/c/es-', modes.EPHEMERAL_SEQUENTIAL], ['/c', modes.PERSISTENT], ['/no/c', modes.PERSISTENT]]) {
        console.log(`  ${(await say(client, `create ${path}`, 'create', path, Buffer.from('data'), mode))[0]}`);
    }
    await say(client, 'a child of an ephemeral', 'create', '/c/e/x', modes.PERSISTENT);
    const [data, stat] = await say(client, 'get', 'getData', '/c');
    console.log(`  ${data}`);
    sayStat(stat);
    sayStat((await say(client, 'set', 'setData', '/c', Buffer.from('changed'), 0))[0]);
    await say(client, 'set with an old version', 'setData', '/c', Buffer.from('late'), 0);
    const [names] = await say(client, 'children', 'getChildren', '/c');
    console.log(`  ${names.sort()}`);
    await say(client, 'delete with children', 'remove', '/c', -1);
    await say(client, 'delete', 'remove', '/c/s-0000000001', 0);
    await say(client, 'delete again', 'remove', '/c/s-0000000001', -1);
    console.log(`  ${(await say(client, 'exists not', 'exists', '/no'))[0]}`);
    await say(client, 'mkdirp', 'mkdirp', '/a/b/c/d');
    console.log(`  ${(await say(client, 'children', 'getChildren', '/a/b/c'))[0]}`);
}

async function watches(client) {
    await say(client, 'watch data', 'getData', '/c', note);
    await say(client, 'watch children', 'getChildren', '/c', note);
    await say(client, 'watch what is not there', 'exists', '/new', note);
    await say(client, 'set', 'setData', '/c', Buffer.from('x'), -1);
    console.log(`  ${await nextEvent()}`);
    await say(client, 'create', 'create', '/c/child', modes.PERSISTENT);
    console.log(`  ${await nextEvent()}`);
    await say(client, 'create', 'create', '/new', modes.PERSISTENT);
    console.log(`  ${await nextEvent()}`);
    await say(client, 'set', 'setData', '/c', Buffer.from('y'), -1);
    console.log(`  ${events.length} events more`);
}

async function access(client) {
    const { ACL, Permission, Id } = zookeeper;
    const reader = new ACL(Permission.READ, new Id('world', 'anyone'));
    const mine = new ACL(Permission.ALL, new Id('auth', ''));
    await say(client, 'auth without credentials', 'create', '/mine', [mine], modes.PERSISTENT);
    client.addAuthInfo('digest', Buffer.from('gardener:rose'));
    await say(client, 'auth', 'create', '/mine', [mine, reader], modes.PERSISTENT);
    const [acls] = await say(client, 'get acl', 'getACL', '/mine');
    acls.forEach((acl) => console.log(`  ${acl.permission} ${acl.id.scheme}:${acl.id.id}`));
    const stranger = await open();
    await say(stranger, 'get as a stranger', 'getData', '/mine');
    await say(stranger, 'set as a stranger', 'setData', '/mine', Buffer.from('x'), -1);
    stranger.close();
    sayStat((await say(client, 'set acl', 'setACL', '/mine', [reader], 0))[0]);
    await say(client, 'set', 'setData', '/mine', Buffer.from('x'), -1);
}

async function multi(client) {
    const batch = (version) => new Promise((resolve) => client.transaction()
        .create('/m', Buffer.from('m')).check('/c', version).setData('/m', Buffer.from('mm'), 0).remove('/m', -1)
        .commit((error, results) => resolve([error ? error.name : 'ok', results])));
    for (const version of [3, 77]) {
        const [error, results] = await batch(version);
        console.log(`multi: ${error}, ${results && results.map((r) => `${r.type}/${r.err || 0}`)}`);
    }
}

async function failover(client) {
    await say(client, 'create an ephemeral', 'create', '/kept', modes.EPHEMERAL);
    await say(client, 'create', 'create', '/f', modes.PERSISTENT);
    const session = client.getSessionId().toString('hex');
    for (let round = 1; round <= 2; round++) {
        await stubborn(client, 'watch', 'exists', '/f', note);
        console.log('> kill the leader');
        await lines.next();
        await stubborn(client, 'set', 'setData', '/f', Buffer.from(String(round)), -1);
        console.log(`  ${await nextEvent()}`);
        const [data] = await stubborn(client, 'get', 'getData', '/f');
        const [stat] = await stubborn(client, 'the ephemeral', 'exists', '/kept');
        console.log(`  ${data}, ${stat ? 'kept' : 'LOST'}, ${client.getSessionId().toString('hex') === session}`);
    }
}

(async () => {
    const client = await open();
    for (const part of [nodes, watches, multi, failover, access]) await part(client);
    const other = await open();
    client.close();
    for (let i = 0; i < 200; i++) {
        const { results } = await call(other, 'exists', '/kept');
        if (!results[0]) break;
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
    console.log(`after the session: ${(await say(other, 'exists', 'exists', '/kept'))[0]}`);
    other.close();
    process.exit(0);
})();
