/** The first schema: users, leads, workflows and their runs, connectors, audit, leases. */
import type { Migration } from './migration.ts';

/**
 * SQLite plans by these numbers instead of a guess: of many runs most are over, and the few that wait come from their
 * own index in the right order. Without them a claim would sort the whole queue each time.
 */
const RUN_STATISTICS = [
  'analyze',
  `insert into sqlite_stat1 (tbl, idx, stat) values
    ('runs', 'sqlite_autoindex_runs_1', '1000000 1'), ('runs', 'runs_status', '1000000 200000 1'),
    ('runs', 'runs_claimable', '2000 2 1 1'), ('runs', 'runs_claimable_of', '2000 200 2 1 1'),
    ('runs', 'runs_leased', '200 1 1'),
    ('runs', 'runs_workflow', '1000000 50000 1'), ('runs', 'runs_lead', '1000000 2')`,
  'analyze sqlite_schema',
];

export const foundations: Migration = {
  id: '2026_11_24_foundations',
  statements: ({ text, whole, small, keyed }, dialect) => [
    `create table users (
      id ${text} primary key not null,
      username ${text} not null,
      username_key ${text} not null,
      email ${text},
      password_hash ${text} not null,
      role ${text} not null,
      active ${small} not null,
      token_generation ${whole} not null,
      created_at ${whole} not null,
      updated_at ${whole} not null
    )${keyed}`,
    'create unique index users_username_key on users (username_key)',

    `create table api_keys (
      id ${text} primary key not null,
      user_id ${text} not null references users (id),
      name ${text} not null,
      key_hash ${text} not null,
      prefix ${text} not null,
      role ${text} not null,
      created_at ${whole} not null,
      expires_at ${whole},
      last_used_at ${whole},
      revoked_at ${whole}
    )${keyed}`,
    'create unique index api_keys_key_hash on api_keys (key_hash)',
    'create index api_keys_user on api_keys (user_id)',

    `create table revoked_tokens (
      jti ${text} primary key not null,
      user_id ${text} not null,
      expires_at ${whole} not null
    )${keyed}`,
    'create index revoked_tokens_expiry on revoked_tokens (expires_at)',

    `create table leads (
      id ${text} primary key not null,
      first_name ${text},
      last_name ${text},
      email ${text},
      phone ${text},
      company ${text},
      source ${text},
      custom_fields ${text} not null,
      crm_id ${text},
      version ${small} not null,
      created_by ${text},
      created_at ${whole} not null,
      updated_at ${whole} not null
    )${keyed}`,
    'create index leads_email on leads (email) where email is not null',
    'create index leads_source on leads (source, id) where source is not null',
    'create index leads_company on leads (company) where company is not null',

    `create table idempotency_keys (
      scope ${text} not null,
      key ${text} not null,
      request_hash ${text} not null,
      response ${text} not null,
      subject_id ${text},
      created_at ${whole} not null,
      expires_at ${whole} not null,
      primary key (scope, key)
    )`,
    'create index idempotency_keys_expiry on idempotency_keys (expires_at)',
    'create index idempotency_keys_subject on idempotency_keys (subject_id)',

    `create table workflows (
      id ${text} primary key not null,
      name ${text} not null,
      description ${text},
      trigger ${text} not null,
      enabled ${small} not null,
      version ${small} not null,
      created_at ${whole} not null,
      updated_at ${whole} not null
    )${keyed}`,
    'create index workflows_trigger on workflows (trigger, enabled)',

    `create table workflow_versions (
      workflow_id ${text} not null,
      version ${small} not null,
      definition ${text} not null,
      created_by ${text},
      created_at ${whole} not null,
      primary key (workflow_id, version)
    )`,

    `create table runs (
      id ${text} primary key not null,
      workflow_id ${text} not null,
      workflow_version ${small} not null,
      lead_id ${text},
      trigger ${text} not null,
      status ${text} not null,
      cursor ${small} not null,
      attempt ${small} not null,
      context ${text} not null,
      available_at ${whole} not null,
      lease_owner ${text},
      lease_until ${whole},
      fencing_token ${small} not null,
      error ${text},
      created_at ${whole} not null,
      started_at ${whole},
      completed_at ${whole}
    )`,
    // Used by queries that write these words out: a parameter would hide them from the planner.
    `create index runs_claimable on runs (available_at, id, status) where status in ('queued', 'waiting')`,
    `create index runs_claimable_of on runs (workflow_id, available_at, id, status) where status in ('queued', 'waiting')`,
    `create index runs_leased on runs (lease_until, id) where status = 'running'`,
    'create index runs_status on runs (status, id)',
    'create index runs_workflow on runs (workflow_id, id)',
    'create index runs_lead on runs (lead_id) where lead_id is not null',

    `create table run_attempts (
      run_id ${text} not null references runs (id) on delete cascade,
      step_index ${small} not null,
      attempt ${small} not null,
      step_id ${text} not null,
      step_type ${text} not null,
      outcome ${text} not null,
      output ${text},
      error ${text},
      started_at ${whole} not null,
      finished_at ${whole} not null,
      primary key (run_id, step_index, attempt)
    )`,

    `create table connectors (
      id ${text} primary key not null,
      kind ${text} not null,
      name ${text} not null,
      settings ${text} not null,
      sealed_credentials ${text},
      created_at ${whole} not null,
      updated_at ${whole} not null
    )${keyed}`,

    `create table audit_events (
      id ${text} primary key not null,
      occurred_at ${whole} not null,
      actor_type ${text} not null,
      actor_id ${text},
      actor_name ${text},
      action ${text} not null,
      target_type ${text},
      target_id ${text},
      outcome ${text} not null,
      request_id ${text},
      address ${text},
      details ${text} not null,
      seq ${whole},
      hash ${text}
    )${keyed}`,
    'create index audit_events_unsealed on audit_events (id) where seq is null',
    'create unique index audit_events_seq on audit_events (seq) where seq is not null',
    'create index audit_events_actor on audit_events (actor_id) where actor_id is not null',
    'create index audit_events_target on audit_events (target_id) where target_id is not null',
    'create index audit_events_action on audit_events (action, id)',
    'create index audit_events_time on audit_events (occurred_at)',

    `create table audit_heads (
      seq ${whole} primary key not null,
      hash ${text} not null,
      signed_at ${whole} not null,
      key_id ${text} not null,
      public_key ${text} not null,
      signature ${text} not null
    )`,

    `create table leases (
      name ${text} primary key not null,
      holder ${text} not null,
      expires_at ${whole} not null
    )${keyed}`,

    ...(dialect === 'sqlite' ? RUN_STATISTICS : []),
  ],
};
