/**
 * Runs in the browser: starts Swagger UI, keeps whoever logs in logged in, and fills in the ids that were seen last.
 * A plain script, because the page's policy allows scripts of this server only, and no build step stands between.
 */
(() => {
  /**
   * @typedef {import('./swagger_ui.d.ts').ImmutableMap} ImmutableMap
   * @typedef {import('./swagger_ui.d.ts').LiveResponse} LiveResponse
   * @typedef {import('./swagger_ui.d.ts').Operation} Operation
   * @typedef {import('./swagger_ui.d.ts').Plugin} Plugin
   * @typedef {import('./swagger_ui.d.ts').Schema} Schema
   * @typedef {import('./swagger_ui.d.ts').Spec} Spec
   * @typedef {import('./swagger_ui.d.ts').System} System
   * @typedef {{ example: string, wanted: () => string | undefined }} Filling what stands at a place, and what should
   * @typedef {Filling & { read: () => unknown, write: (value: string) => unknown, filled?: string }} IdPlace
   */

  /**
   * sessionStorage, which is forgotten when the tab is closed, and not localStorage: a token of an admin must not stay
   * behind on a computer that others use. API keys, which live for long, are not kept at all.
   */
  const store = {
    /** @type {(key: string) => unknown} */
    get: (key) => {
      try {
        return JSON.parse(sessionStorage.getItem(key) ?? 'null');
      } catch {
        return null;
      }
    },
    /** @type {(key: string, value: unknown) => void} */
    set: (key, value) => {
      try {
        if (value === null) sessionStorage.removeItem(key);
        else sessionStorage.setItem(key, JSON.stringify(value));
      } catch {
        // A browser that keeps nothing forgets at the next reload; until then everything works.
      }
    },
  };
  const TOKEN = 'automation-orchestrator.token';
  const SEEN = 'automation-orchestrator.seen';
  const SCHEME = 'bearerAuth';
  const LOGIN = '/api/auth/login';
  /** Those that end the token of the request. */
  const ENDINGS = ['/api/auth/logout', '/api/auth/password'];
  const LONGEST_TIMER_MS = 2 ** 31 - 1;

  /** @type {Spec} */
  let spec = { paths: {}, components: { schemas: {}, securitySchemes: {} } };
  /** @type {string | null} */
  let token = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** The last id of each kind of thing. @type {Map<string, unknown>} */
  const seen = new Map(Object.entries(store.get(SEEN) ?? {}));
  /** @type {IdPlace[]} */
  let places = [];
  /** By path and method. @type {Map<string, Filling>} */
  const bodies = new Map();

  /** @type {(jwt: string) => { exp?: number, sub?: string }} */
  const claimsOf = (jwt) => {
    try {
      return JSON.parse(atob((jwt.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/')));
    } catch {
      return {};
    }
  };
  /** @type {(jwt: string) => number} */
  const millisecondsLeft = (jwt) => (claimsOf(jwt).exp ?? 0) * 1000 - Date.now();

  /** @type {(system: System, jwt: string) => void} */
  function keepToken(system, jwt) {
    token = jwt;
    store.set(TOKEN, jwt);
    clearTimeout(timer);
    timer = setTimeout(
      () => system.authActions.logout([SCHEME]),
      Math.min(Math.max(millisecondsLeft(jwt), 0), LONGEST_TIMER_MS),
    );
  }

  /** As the dialogue of Swagger UI does it; its own preauthorizeApiKey does not know of the plugin below.
   * @type {(system: System, jwt: string) => unknown} */
  const authorize = (system, jwt) =>
    system.authActions.authorize({
      [SCHEME]: { name: SCHEME, schema: spec.components.securitySchemes[SCHEME] ?? {}, value: jwt },
    });

  function dropToken() {
    token = null;
    store.set(TOKEN, null);
    clearTimeout(timer);
  }

  /** @type {(schema: Schema | undefined) => Schema} */
  const resolved = (schema = {}) => spec.components.schemas[schema.$ref?.split('/').at(-1) ?? ''] ?? schema;

  /** Takes in the ids in an answer. One that stands in a list says less than one that was asked for or made.
   * @type {(given: Schema | undefined, value: unknown, inList: boolean) => void} */
  function collect(given, value, inList) {
    const schema = resolved(given);
    const kind = schema['x-id-of'];
    if (value === null || value === undefined) return;
    if (kind !== undefined) {
      const own = kind === 'user' && value === claimsOf(token ?? '').sub;
      if (!(inList && (seen.has(kind) || own))) seen.set(kind, value);
    }
    for (const choice of schema.anyOf ?? []) collect(choice, value, inList);
    if (Array.isArray(value)) for (const item of value) collect(schema.items, item, true);
    else if (typeof value === 'object') {
      for (const [name, property] of Object.entries(schema.properties ?? {}))
        collect(property, Reflect.get(value, name), inList);
    }
  }

  /** Where ids are wanted: the place in a path or a body, with how to read and write what stands there.
   * @type {(system: System) => IdPlace[]} */
  function findPlaces(system) {
    /** @type {IdPlace[]} */
    const found = [];
    for (const [path, ofPath] of Object.entries(spec.paths)) {
      for (const [method, operation] of Object.entries(ofPath)) {
        const at = [path, method];
        const parameters = system.specSelectors.specJson().getIn(['paths', path, method, 'parameters']) ?? [];
        for (const parameter of /** @type {Iterable<ImmutableMap>} */ (parameters)) {
          const kind = parameter.getIn(['schema', 'x-id-of']);
          if (parameter.get('in') !== 'path' || typeof kind !== 'string') continue;
          found.push({
            example: String(parameter.get('example')),
            wanted: () => (seen.has(kind) ? String(seen.get(kind)) : undefined),
            read: () => system.specSelectors.parameterWithMetaByIdentity(at, parameter)?.get('value'),
            write: (value) => system.specActions.changeParamByIdentity(at, parameter, value, false),
          });
        }
        const body = bodyWithIds(operation);
        if (body === null) continue;
        bodies.set(at.join(' '), body);
        found.push({
          ...body,
          read: () => system.oas3Selectors.requestBodyValue(path, method) || undefined,
          write: (value) => system.oas3Actions.setRequestBodyValue({ value, pathMethod: at }),
        });
      }
    }
    return found;
  }

  /** The example of a body, and the same with the ids that are known; null for one that takes no ids.
   * @type {(operation: Operation) => Filling | null} */
  function bodyWithIds(operation) {
    const { schema, example } = operation.requestBody?.content?.['application/json'] ?? {};
    const ids = Object.entries(resolved(schema).properties ?? {}).flatMap(([name, each]) =>
      each['x-id-of'] === undefined ? [] : [{ name, kind: each['x-id-of'] }],
    );
    if (ids.length === 0) return null;
    const text = (/** @type {unknown} */ value) => JSON.stringify(value, null, 2);
    const known = () => ids.filter(({ kind }) => seen.has(kind));
    return {
      example: text(example),
      wanted: () =>
        text({
          ...example,
          ...Object.fromEntries(known().map(({ name, kind }) => [name, seen.get(kind)])),
        }),
    };
  }

  /** Puts the ids where they are wanted, unless somebody has written something else there. */
  function fillIn() {
    store.set(SEEN, Object.fromEntries(seen));
    for (const place of places) {
      const wanted = place.wanted();
      if (wanted === undefined || wanted === place.filled) continue;
      const current = place.read();
      if (current !== undefined && current !== place.example && current !== place.filled) continue;
      place.filled = wanted;
      if (current !== wanted) place.write(wanted);
    }
  }

  /** @type {(system: System, path: string, method: string, response: LiveResponse) => void} */
  function answered(system, path, method, response) {
    const status = response.status ?? response.err?.status ?? 0;
    const operation = spec.paths[path]?.[method];
    if (status === 401 && path !== LOGIN && token !== null) system.authActions.logout([SCHEME]);
    if (!operation || !(status >= 200 && status < 300)) return;
    if (ENDINGS.includes(path)) system.authActions.logout([SCHEME]);
    if (path === LOGIN) authorize(system, String(response.obj?.access_token));
    if (method === 'delete') {
      const removed = operation.parameters?.findLast((parameter) => parameter.in === 'path');
      seen.delete(removed?.schema['x-id-of'] ?? '');
    }
    collect(operation.responses[status]?.content?.['application/json']?.schema, response.obj, false);
    fillIn();
  }

  /** @type {() => Plugin} */
  const plugin = () => ({
    statePlugins: {
      auth: {
        wrapActions: {
          authorize: (original, system) => (credentials) => {
            const jwt = credentials[SCHEME]?.value;
            if (jwt) keepToken(system, jwt);
            return original(credentials);
          },
          logout: (original) => (schemes) => {
            if (schemes.includes(SCHEME)) dropToken();
            return original(schemes);
          },
        },
      },
      oas3: {
        wrapActions: {
          // What the page itself puts into a body, when it is opened or reset, is the bare example.
          setRequestBodyValue: (original) => (given) => {
            const body = bodies.get(given.pathMethod.join(' '));
            return original(
              body && body.example === given.value ? { ...given, value: body.wanted() } : given,
            );
          },
        },
      },
      spec: {
        wrapActions: {
          setResponse: (original, system) => (path, method, response) => {
            const result = original(path, method, response);
            answered(system, path, method, response);
            return result;
          },
        },
      },
    },
  });

  const ui = SwaggerUIBundle({
    url: '/api/openapi.json',
    dom_id: '#swagger-ui',
    deepLinking: true,
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    filter: true,
    persistAuthorization: false,
    plugins: [plugin],
    tryItOutEnabled: true,
    validatorUrl: null,
    onComplete: () => {
      spec = /** @type {Spec} */ (ui.specSelectors.specJson().toJS());
      const kept = store.get(TOKEN);
      if (typeof kept === 'string' && millisecondsLeft(kept) > 0) authorize(ui, kept);
      else dropToken();
      places = findPlaces(ui);
      fillIn();
    },
  });
})();
