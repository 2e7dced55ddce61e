/**
 * Message literals, `Type{field: value, ?field: optional}`: CEL has them, the library does not. They are written as calls of
 * functions, one for each type, before the library reads the expression; errors are told at their places in what was written
 * first. A message is a Map of its own class, so that it reads as an object to everything else.
 */
import { type Environment, Optional } from '@marcbachmann/cel-js';

/** Which types may be made, and which fields one has. */
export interface MessageTypes {
  has(name: string): boolean;
  /** The fields with their types; undefined where any may be given. */
  fieldsOf(name: string): Readonly<Record<string, string>> | undefined;
}

/** Fields by name, and the type that the expression called it. */
export abstract class Message extends Map<string, unknown> {
  abstract readonly typeName: string;
}

export interface WithoutMessages {
  /** The expression as the library reads it. */
  readonly text: string;
  /** The types that are made, by the names of their functions. */
  readonly types: ReadonlyMap<string, string>;
  /** Where in the first expression something stands, by where it stands in `text`. */
  place(offset: number): number;
}

interface Cut {
  /** Offsets in the first expression. */
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** Texts and comments, where nothing is looked for, then names, then single characters. */
const token = new RegExp(
  [
    /[rRbB]{0,2}(?:"""(?:\\[\s\S]|[\s\S])*?"""|'''(?:\\[\s\S]|[\s\S])*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')/,
    /\/\/[^\n]*/,
    /[A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*)*/,
    /[\s\S]/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'g',
);

/** Throws an Error for a field that a type does not have. */
export function withoutMessages(expression: string, messages: MessageTypes): WithoutMessages {
  const tokens = [...expression.matchAll(token)].filter(([text]) => !/^\s|^\/\//.test(text));
  const textAt = (index: number): string => tokens[index]?.[0].replaceAll(/\s/g, '') ?? '';
  const functions = new Map<string, string>();
  const cuts: Cut[] = [];
  /** Of each open bracket: the type of the message that it belongs to. */
  const open: (string | undefined)[] = [];
  tokens.forEach(({ index: at }, index) => {
    const text = textAt(index);
    const next = tokens[index + 1];
    const type = open.at(-1);
    if (next?.[0] === '{' && messages.has(text)) {
      const call = functions.get(text) ?? `newMessage${functions.size}`;
      functions.set(text, call);
      cuts.push({ from: at, to: next.index, text: `${call}(` });
    } else if (text === '{' || text === '(' || text === '[') {
      open.push(text === '{' && messages.has(textAt(index - 1)) ? textAt(index - 1) : undefined);
    } else if (text === '}' || text === ')' || text === ']') {
      if (open.pop() !== undefined) cuts.push({ from: at, to: at + 1, text: '})' });
    } else if (type !== undefined && next?.[0] === ':' && /^[A-Za-z_]\w*$/.test(text)) {
      // What follows anything else is no field, but a part of a value: `a ? b : c`.
      const isOptional = textAt(index - 1) === '?' && /^[{,]$/.test(textAt(index - 2));
      if (!isOptional && !/^[{,]$/.test(textAt(index - 1))) return;
      const fields = messages.fieldsOf(type);
      if (fields && !Object.hasOwn(fields, text)) throw new Error(`undefined field '${text}'`);
      const from = isOptional ? (tokens[index - 1]?.index ?? at) : at;
      cuts.push({ from, to: at + text.length, text: JSON.stringify(isOptional ? `?${text}` : text) });
    }
  });
  const types = new Map([...functions].map(([name, call]) => [call, name]));
  return { types, ...written(expression, cuts) };
}

/** Declares the types that an expression makes, with the functions that make them. */
export function registerMessages(
  environment: Environment,
  types: WithoutMessages['types'],
  messages: MessageTypes,
): Environment {
  const extended = environment.clone();
  for (const typeName of types.values()) {
    const ctor = class extends Message {
      override readonly typeName = typeName;
    };
    const fields = messages.fieldsOf(typeName);
    extended.registerType(typeName, fields ? { ctor, fields: { ...fields } } : { ctor });
    const [call = ''] = [...types].find(([, name]) => name === typeName) ?? [];
    const make = (given: unknown): Message => {
      const message = new ctor();
      for (const [name, value] of entriesOf(given)) {
        if (!name.startsWith('?')) message.set(name, value);
        else if (value instanceof Optional && value.hasValue()) message.set(name.slice(1), value.value());
        else if (!(value instanceof Optional))
          throw new Error(`cannot initialize optional entry '${name.slice(1)}' from non-optional`);
      }
      return message;
    };
    extended.registerFunction(`${call}(map): ${typeName}`, make, { async: false });
  }
  return extended;
}

function entriesOf(map: unknown): [string, unknown][] {
  if (map instanceof Map) return [...map].map(([key, value]) => [String(key), value]);
  return typeof map === 'object' && map !== null ? Object.entries(map) : [];
}

function written(expression: string, cuts: readonly Cut[]): Pick<WithoutMessages, 'text' | 'place'> {
  let text = '';
  let done = 0;
  /** Where each piece of the first expression begins, there and in the text. */
  const pieces: { readonly inText: number; readonly first: number }[] = [];
  for (const cut of cuts) {
    pieces.push({ inText: text.length, first: done });
    text += expression.slice(done, cut.from);
    pieces.push({ inText: text.length, first: cut.from });
    text += cut.text;
    done = cut.to;
  }
  pieces.push({ inText: text.length, first: done });
  text += expression.slice(done);
  return {
    text,
    place(offset) {
      const index = pieces.findLastIndex(({ inText }) => inText <= offset);
      const { inText = 0, first = 0 } = pieces[index] ?? {};
      const end = pieces[index + 1]?.first ?? expression.length;
      return Math.min(first + offset - inText, end);
    },
  };
}
