import type { ChangeEvent } from '../../model/index.ts';
import { isoNanoseconds } from '../iso-time.ts';
import { type Fields, isRecord, parseJson, RecordError, shown } from '../json.ts';

type Headers = Record<string, string | string[] | undefined>;

/** A webhook of a delivery tool: its payload becomes a change, or undefined when it tells of none. */
export interface Hook {
  sender: string;
  /** Throws MalformedError and RecordError. */
  read(text: string, headers: Headers, nowMs: number): ChangeEvent | undefined;
}

const titleLengthMax = 1_000;
const labelLengthMax = 4_096;
const noCommit = /^0+$/;

/** Text or number at a path of names; '' when something else is there. */
function at(value: Fields, ...path: string[]): string {
  let here: unknown = value;
  for (const name of path) here = isRecord(here) ? here[name] : undefined;
  return typeof here === 'string' ? here : typeof here === 'number' ? String(here) : '';
}

function need(value: Fields, ...path: string[]): string {
  const found = at(value, ...path);
  if (found !== '') return found;
  let here: unknown = value;
  for (const name of path) here = isRecord(here) ? here[name] : undefined;
  throw new RecordError(`${path.join('.')} is ${shown(here)}, a text is needed`);
}

function change(
  parts: Omit<ChangeEvent, 'at' | 'labels'> & { time: string; labels: Record<string, string> },
  nowMs: number,
): ChangeEvent {
  const { time, labels, title, ...rest } = parts;
  // Pipelines of GitLab write `2021-04-28 21:50:00 +0200`.
  const ns =
    time === ''
      ? undefined
      : isoNanoseconds(time.replace(/ (UTC|(?=[+-]\d))/, (_, zone) => (zone ? 'Z' : '')));
  const said = Object.entries(labels).filter(([, value]) => value !== '');
  return {
    ...rest,
    title: title.slice(0, titleLengthMax),
    at: ns === undefined || ns <= 0n ? nowMs : Number(ns / 1_000_000n),
    labels: Object.fromEntries(said.map(([key, value]) => [key, value.slice(0, labelLengthMax)])),
  };
}

function bodyOf(text: string): Fields {
  const value = parseJson(text, 'The body');
  if (isRecord(value)) return value;
  throw new RecordError(`it is ${shown(value)}, an object is needed`);
}

/** `refs/heads/main` → `main`; undefined for a tag or another branch than the one that is delivered. */
const pushedBranch = (ref: string, branch: string): string | undefined => {
  const name = /^refs\/heads\/(.+)$/.exec(ref)?.[1];
  return name === branch ? name : undefined;
};

const firstLine = (text: string): string => text.split('\n')[0] ?? '';

const github: Hook = {
  sender: 'GitHub (deployment, deployment_status, push)',
  read(text, headers, nowMs) {
    const kind = headers['x-github-event'];
    if (typeof kind !== 'string') throw new RecordError('the header x-github-event is missing');
    const body = bodyOf(text);
    if (kind === 'push') return githubPush(body, nowMs);
    if (kind !== 'deployment' && kind !== 'deployment_status') return undefined;
    const state = kind === 'deployment' ? 'started' : need(body, 'deployment_status', 'state');
    // The states between tell nothing new, and the end of an old deployment is none of this one.
    if (!['started', 'success', 'failure', 'error'].includes(state)) return undefined;
    const service = need(body, 'repository', 'name');
    const version = at(body, 'deployment', 'ref');
    const environment = at(body, 'deployment', 'environment');
    return change(
      {
        // Begin and end are one change, told twice: the same id and time, and the newest telling wins.
        id: `github:deployment:${need(body, 'deployment', 'id')}`,
        time: at(body, 'deployment', 'created_at'),
        kind: 'deploy',
        service,
        title: `${service} ${version} to ${environment || 'production'}: ${state}`,
        actor: at(body, 'deployment', 'creator', 'login') || at(body, 'sender', 'login'),
        labels: {
          version,
          environment,
          state,
          commit: at(body, 'deployment', 'sha'),
          repository: at(body, 'repository', 'full_name'),
          url: at(body, 'deployment_status', 'log_url') || at(body, 'deployment', 'url'),
        },
      },
      nowMs,
    );
  },
};

function githubPush(body: Fields, nowMs: number): ChangeEvent | undefined {
  const branch = pushedBranch(need(body, 'ref'), at(body, 'repository', 'default_branch'));
  const commit = at(body, 'after');
  if (branch === undefined || commit === '' || noCommit.test(commit)) return undefined;
  const service = need(body, 'repository', 'name');
  return change(
    {
      id: `github:push:${at(body, 'repository', 'full_name')}:${commit}`,
      // A commit may be old when it is pushed; what matters is when it came in.
      time: '',
      kind: 'commit',
      service,
      title: `${service} ${branch}: ${firstLine(at(body, 'head_commit', 'message')) || commit.slice(0, 12)}`,
      actor: at(body, 'pusher', 'name') || at(body, 'sender', 'login'),
      labels: {
        commit,
        previous_commit: at(body, 'before'),
        branch,
        repository: at(body, 'repository', 'full_name'),
        url: at(body, 'compare'),
      },
    },
    nowMs,
  );
}

const gitlab: Hook = {
  sender: 'GitLab (deployment and push events)',
  read(text, _headers, nowMs) {
    const body = bodyOf(text);
    const kind = need(body, 'object_kind');
    if (kind === 'push') return gitlabPush(body, nowMs);
    if (kind !== 'deployment') return undefined;
    const state = need(body, 'status');
    if (!['running', 'success', 'failed'].includes(state)) return undefined;
    const service = need(body, 'project', 'name');
    const version = at(body, 'ref') || at(body, 'short_sha');
    const environment = at(body, 'environment');
    return change(
      {
        // GitLab says when the state was reached and not when the deployment began: each state is a change of its own.
        id: `gitlab:deployment:${need(body, 'deployment_id')}:${state}`,
        time: at(body, 'status_changed_at'),
        kind: 'deploy',
        service,
        title: `${service} ${version} to ${environment || 'production'}: ${state}`,
        actor: at(body, 'user', 'username') || at(body, 'user', 'name'),
        labels: {
          version,
          environment,
          state,
          commit: at(body, 'short_sha'),
          repository: at(body, 'project', 'path_with_namespace'),
          url: at(body, 'deployable_url'),
        },
      },
      nowMs,
    );
  },
};

function gitlabPush(body: Fields, nowMs: number): ChangeEvent | undefined {
  const branch = pushedBranch(need(body, 'ref'), at(body, 'project', 'default_branch'));
  const commit = at(body, 'after') || at(body, 'checkout_sha');
  if (branch === undefined || commit === '' || noCommit.test(commit)) return undefined;
  const service = need(body, 'project', 'name');
  const last = Array.isArray(body.commits) ? body.commits.at(-1) : undefined;
  return change(
    {
      id: `gitlab:push:${at(body, 'project', 'path_with_namespace')}:${commit}`,
      time: '',
      kind: 'commit',
      service,
      title: `${service} ${branch}: ${isRecord(last) ? firstLine(at(last, 'message')) : commit.slice(0, 12)}`,
      actor: at(body, 'user_username') || at(body, 'user_name'),
      labels: {
        commit,
        previous_commit: at(body, 'before'),
        branch,
        repository: at(body, 'project', 'path_with_namespace'),
      },
    },
    nowMs,
  );
}

/** The template is the user's; the guide gives one that sends the application as it is under `app`. */
const argocd: Hook = {
  sender: 'Argo CD Notifications ({"app": …})',
  read(text, _headers, nowMs) {
    const body = bodyOf(text);
    const app = isRecord(body.app) ? body.app : body;
    const service = need(app, 'metadata', 'name');
    const phase = at(app, 'status', 'operationState', 'phase');
    if (!['Running', 'Succeeded', 'Failed', 'Error'].includes(phase)) return undefined;
    const commit =
      at(app, 'status', 'operationState', 'syncResult', 'revision') ||
      at(app, 'status', 'operationState', 'operation', 'sync', 'revision') ||
      at(app, 'status', 'sync', 'revision');
    const started = at(app, 'status', 'operationState', 'startedAt');
    return change(
      {
        id: `argocd:${at(app, 'metadata', 'namespace')}/${service}:${commit}:${started}`,
        time: started,
        kind: 'deploy',
        service,
        title: `${service} ${commit.slice(0, 12)}: sync ${phase.toLowerCase()}`,
        actor: at(app, 'status', 'operationState', 'operation', 'initiatedBy', 'username') || 'argocd',
        labels: {
          version: commit,
          state: phase.toLowerCase(),
          namespace: at(app, 'spec', 'destination', 'namespace'),
          cluster: at(app, 'spec', 'destination', 'server') || at(app, 'spec', 'destination', 'name'),
          repository: at(app, 'spec', 'source', 'repoURL'),
          health: at(app, 'status', 'health', 'status'),
        },
      },
      nowMs,
    );
  },
};

export const hooks: Record<string, Hook> = { github, gitlab, argocd };
