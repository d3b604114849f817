/** Knocks on the port that is its first argument as often as the second says, and prints how often it was open. */
const [port = '', knocks = ''] = process.argv.slice(2);

let found = 0;
for (let knock = 0; knock < Number(knocks); knock += 1) {
  await Bun.connect({ hostname: '127.0.0.1', port: Number(port), socket: { data: () => undefined } }).then(
    (client) => {
      found += 1;
      client.end();
    },
    () => undefined,
  );
}
process.stdout.write(String(found));
process.exit(0);

export {};
