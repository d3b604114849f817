/** What the script of the page uses of Swagger UI and of the API document. */

export interface Schema {
  readonly $ref?: string;
  /** The kind of thing that it is an id of. */
  readonly 'x-id-of'?: string;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
}

interface Media {
  readonly schema?: Schema;
  readonly example?: object;
}

export interface Operation {
  readonly parameters?: readonly { readonly in: string; readonly schema: Schema }[];
  readonly requestBody?: { readonly content?: Readonly<Record<string, Media>> };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, Media>> }>>;
}

export interface Spec {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly securitySchemes: Readonly<Record<string, object>>;
  };
}

/** Of Immutable.js, in which Swagger UI keeps everything. */
export interface ImmutableMap {
  get(key: string): unknown;
  getIn(path: readonly string[]): unknown;
  toJS(): unknown;
}

/** A path and a method. */
type Place = readonly string[];

export interface LiveResponse {
  readonly status?: number;
  readonly err?: { readonly status?: number };
  /** The body, where it is JSON. */
  readonly obj?: Readonly<Record<string, unknown>>;
}

interface GivenBody {
  readonly value: unknown;
  readonly pathMethod: Place;
}

interface Credentials {
  readonly [scheme: string]: { readonly name: string; readonly schema?: object; readonly value?: string };
}

export interface System {
  readonly authActions: {
    authorize(credentials: Credentials): unknown;
    logout(schemes: readonly string[]): unknown;
  };
  readonly specActions: {
    changeParamByIdentity(place: Place, parameter: ImmutableMap, value: string, isXml: boolean): unknown;
  };
  readonly specSelectors: {
    specJson(): ImmutableMap;
    parameterWithMetaByIdentity(place: Place, parameter: ImmutableMap): ImmutableMap | undefined;
  };
  readonly oas3Actions: { setRequestBodyValue(given: GivenBody): unknown };
  readonly oas3Selectors: { requestBodyValue(path: string, method: string): unknown };
}

/** A plugin's way into an action: it gets the action and gives what is called in its place. */
type Wrap<Arguments extends readonly unknown[]> = (
  original: (...given: Arguments) => unknown,
  system: System,
) => (...given: Arguments) => unknown;

export interface Plugin {
  readonly statePlugins: {
    readonly auth: {
      readonly wrapActions: {
        readonly authorize: Wrap<[Credentials]>;
        readonly logout: Wrap<[readonly string[]]>;
      };
    };
    readonly oas3: { readonly wrapActions: { readonly setRequestBodyValue: Wrap<[GivenBody]> } };
    readonly spec: { readonly wrapActions: { readonly setResponse: Wrap<[string, string, LiveResponse]> } };
  };
}

interface Options {
  readonly plugins: readonly (() => Plugin)[];
  readonly onComplete: () => void;
  readonly [option: string]: unknown;
}

declare global {
  const SwaggerUIBundle: (options: Options) => System;
}
