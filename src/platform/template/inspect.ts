/** Reads a parsed template without carrying it out: which names it uses, what it prints, and what is wrong with it. */
import { EchoTag, Output, type Template, type Token, TypeGuards, toValueSync, Value } from 'liquidjs';
import type { Printed } from './encodings.ts';

/** An expression whose value is printed. */
export interface PrintedValue {
  readonly value: Value;
  readonly how: Printed;
}

interface Inspection {
  /** Names that must be given, each as far as it is written out: `steps[x].output` is `steps`. */
  readonly paths: readonly (readonly string[])[];
  readonly printed: readonly PrintedValue[];
  readonly problems: readonly string[];
}

/** Tags in tags. */
const DEEPEST = 50;

export function inspect(templates: readonly Template[]): Inspection {
  const paths: string[][] = [];
  const printed: PrintedValue[] = [];
  const problems: string[] = [];
  /** Names that the template makes itself; of loops, only inside of them. */
  const assigned = new Set<string>();
  const loops: (readonly string[])[] = [];
  const isOwn = (name: string): boolean => assigned.has(name) || loops.some((names) => names.includes(name));

  function readToken(token: unknown): void {
    if (TypeGuards.isRangeToken(token)) {
      readToken(token.lhs);
      readToken(token.rhs);
    }
    if (!TypeGuards.isPropertyAccessToken(token)) return;
    const written = token.getText();
    if (/\.\s*$/.test(written)) problems.push(`expected a name behind "${written.trim()}"`);
    const path: string[] = [];
    let known = token.variable === undefined;
    for (const prop of token.props) {
      const named =
        TypeGuards.isWordToken(prop) || TypeGuards.isQuotedToken(prop) || TypeGuards.isNumberToken(prop);
      if (TypeGuards.isWordToken(prop) && prop.content.includes('?'))
        problems.push(`unexpected "?" in ${written}`);
      if (!named) {
        readToken(prop);
        if (path.length === 0 && known) problems.push(`a name cannot be computed: ${written}`);
        known = false;
      } else if (known) path.push(String(prop.content));
    }
    const [root] = path;
    // `offset: continue` is a word of the tag `for`.
    if (root !== undefined && !isOwn(root) && written !== 'continue') paths.push(path);
  }

  function readExpression(tokens: readonly Token[]): void {
    let values = 0;
    for (const token of tokens) {
      if (!TypeGuards.isOperatorToken(token)) {
        values += 1;
        readToken(token);
      } else if (token.operator !== 'not') values -= 1;
    }
    if (values !== 1) {
      const extra = tokens.find((token, index) => index > 0 && !TypeGuards.isOperatorToken(token));
      problems.push(
        extra
          ? `unexpected ${extra.getText()}: write one value, then filters behind "|"`
          : 'an operator needs a value on both sides',
      );
    }
  }

  function readValue({ initial, filters }: Value): void {
    readExpression(initial.postfix);
    for (const { args } of filters) for (const arg of args) readToken(Array.isArray(arg) ? arg[1] : arg);
  }

  function visit(template: Template): void {
    for (const argument of template.arguments?.() ?? []) {
      if (!(argument instanceof Value)) readToken(argument);
      else {
        readValue(argument);
        if (template instanceof Output || template instanceof EchoTag) {
          printed.push({ value: argument, how: printedAs(argument, sourceOf(template.token)) });
        }
      }
    }
    for (const name of template.localScope?.() ?? []) assigned.add(name.content);
    if (!template.children) return;
    if (loops.length === DEEPEST) {
      problems.push(`tags are nested more than ${DEEPEST} deep`);
      return;
    }
    loops.push([...(template.blockScope?.() ?? [])]);
    for (const child of toValueSync(template.children(false, true))) visit(child);
    loops.pop();
  }

  for (const template of templates) visit(template);
  return { paths, printed, problems };
}

/** What stands between the braces. */
const sourceOf = (token: Token): string =>
  token
    .getText()
    .replace(/^\{[{%]-?\s*(?:echo\s+)?/, '')
    .replace(/\s*-?[%}]\}$/, '');

function printedAs({ filters }: Value, source: string): Printed {
  const last = filters.at(-1)?.name;
  const isEmptyText = (arg: unknown): boolean => TypeGuards.isQuotedToken(arg) && arg.content === '';
  return {
    source,
    optional: filters.some(({ name, args }) => name === 'default' && isEmptyText(args[0])),
    raw: last === 'raw',
    json: last === 'json',
  };
}
