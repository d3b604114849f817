import { expect, test } from 'bun:test';
import { TURN, TurnOrder } from '@/platform/db/turn_order.ts';

/** An order among clients named by letters, with everything it said so far, such as `a:granted`. */
function newOrder() {
  const said: string[] = [];
  const words = new Map(Object.entries(TURN).map(([word, byte]) => [byte as number, word]));
  const order = new TurnOrder<string>((client, byte) => void said.push(`${client}:${words.get(byte)}`));
  return { order, said };
}

test('grants to the first who comes, who keeps the turn while nobody asks', () => {
  const { order, said } = newOrder();
  order.want('a');
  order.want('a');
  expect(said).toEqual(['a:granted']);
});

test('asks the holder once, however many come after it', () => {
  const { order, said } = newOrder();
  for (const client of ['a', 'b', 'c', 'b']) order.want(client);
  expect(said).toEqual(['a:granted', 'a:yield']);
});

test('goes round in the order of coming', () => {
  const { order, said } = newOrder();
  for (const client of ['a', 'b', 'c']) order.want(client);
  order.done('a');
  order.want('a');
  order.done('b');
  order.done('c');
  expect(said).toEqual(['a:granted', 'a:yield', 'b:grantedOnce', 'c:grantedOnce', 'a:granted']);
});

test('passes on the turn of a holder that leaves, and forgets one that leaves the queue', () => {
  const { order, said } = newOrder();
  for (const client of ['a', 'b', 'c']) order.want(client);
  order.leave('b');
  order.leave('a');
  expect(said).toEqual(['a:granted', 'a:yield', 'c:granted']);
});

test('does not believe a client that is done with a turn it has not', () => {
  const { order, said } = newOrder();
  order.want('a');
  order.want('b');
  order.done('b');
  expect(said).toEqual(['a:granted', 'a:yield']);
});

test('takes the turn from a holder only when the same one has kept others waiting over a whole interval', () => {
  const { order, said } = newOrder();
  order.want('a');
  expect(order.takeFromUnresponsive()).toBe(false);
  expect(order.takeFromUnresponsive()).toBe(false);
  order.want('b');
  expect(order.takeFromUnresponsive()).toBe(false);
  expect(order.takeFromUnresponsive()).toBe(true);
  expect(said).toEqual(['a:granted', 'a:yield', 'b:granted']);
});
