import { basename } from 'node:path';
import { type ClewError, isClewError, sha256Hex } from '../lib/index.ts';
import type { EpochMs } from '../model/index.ts';
import { inventoryDirs, readAnsible } from './ansible/read.ts';
import type { Structure } from './edge.ts';
import { directoryBytesMax, filesBelow, readSource } from './files.ts';
import { isCloudSnapshot, readCloudSnapshot } from './read/cloud-snapshot.ts';
import { problem, readJson, type SourceFile } from './read/file.ts';
import { readKubernetes } from './read/kubernetes.ts';
import { isPulumiExport, readPulumi } from './read/pulumi.ts';
import { isTerraformState, readTerraformState } from './read/terraform.ts';
import { isTerraformShow, readTerraformShow } from './read/terraform-plan.ts';

/** What one source says: a state file, an account of a cloud, the manifests of a directory, an inventory. */
export interface Unit {
  source: string;
  /** When the file says that it was taken; null: as it is now. */
  takenAt: EpochMs | null;
  hash: string;
  structure: Structure;
}

export interface Problem {
  file: string;
  where: string;
  what: string;
}

export interface Discovery {
  units: Unit[];
  /** Files that could not be read; what they said before still holds. */
  problems: Problem[];
  /** Sources that may have said something this time but could not be read. */
  unreadable(source: string): boolean;
  leftOut: Record<string, number>;
  filesRead: number;
}

/** Reads the configured directories for one job: `iac` or `ansible`. A directory that is not there is a problem, no error. */
export async function discover(kind: 'iac' | 'ansible', dirs: readonly string[]): Promise<Discovery> {
  const gathered = new Gathered(kind);
  for (const dir of dirs) await gathered.directory(dir, labelOf(dir, dirs));
  return gathered;
}

/** How messages and sources call a directory: its last name, or all of it when two end alike. */
function labelOf(dir: string, dirs: readonly string[]): string {
  const name = basename(dir);
  return dirs.filter((one) => basename(one) === name).length > 1 || name === '' ? dir : name;
}

class Gathered implements Discovery {
  readonly units: Unit[] = [];
  readonly problems: Problem[] = [];
  readonly leftOut: Record<string, number> = {};
  filesRead = 0;
  readonly #kind: 'iac' | 'ansible';
  readonly #unreadable: RegExp[] = [];

  constructor(kind: 'iac' | 'ansible') {
    this.#kind = kind;
  }

  unreadable(source: string): boolean {
    return this.#unreadable.some((pattern) => pattern.test(source));
  }

  async directory(dir: string, label: string): Promise<void> {
    const found = await filesBelow(dir).catch((error: Error) => error);
    if (found === null || found instanceof Error) {
      const what =
        found === null
          ? 'is not there; what it said before still holds.'
          : `can't be listed: ${found.message}`;
      this.problems.push({ file: label, where: '', what });
      this.#unreadable.push(within(label));
      return;
    }
    this.#leave('files', found.leftOut);
    const files: SourceFile[] = [];
    let bytes = 0;
    for (const path of found.paths.filter((one) => this.#wanted(one))) {
      const read = await readSource(dir, path).catch((error: unknown) => error);
      if (isClewError(read)) this.#failed({ path: `${label}/${path}`, text: '' }, read);
      else {
        const { text } = read as SourceFile;
        bytes += text.length;
        if (bytes > directoryBytesMax) {
          this.#failed(
            { path: label, text: '' },
            problem(label, '', `holds more than ${directoryBytesMax} bytes of files.`),
          );
          break;
        }
        files.push({ path: `${label}/${path}`, text });
      }
    }
    this.filesRead += files.length;
    if (this.#kind === 'ansible') this.#ansible(files);
    else this.#infrastructure(files, label);
  }

  #wanted(path: string): boolean {
    if (this.#kind === 'iac') return /\.(tfstate|json|ya?ml)$/.test(path);
    // Roles bring files, templates and modules of every kind; what they need stands in their meta.
    if (/(^|\/)roles\//.test(path)) return /\/meta\/main\.ya?ml$/.test(path);
    return /(\.(ya?ml|json|ini)$)|(^|\/)[^./]+$/.test(path);
  }

  #infrastructure(files: readonly SourceFile[], label: string): void {
    const manifests: SourceFile[] = [];
    for (const file of files) {
      if (/\.ya?ml$/.test(file.path)) manifests.push(file);
      else this.#json(file, manifests);
    }
    // Selectors reach over files: manifests of a directory are read as one, or not at all.
    if (
      manifests.some(
        (file) => /^\s*"?apiVersion"?\s*:/m.test(file.text) || file.text.includes('"apiVersion"'),
      )
    )
      this.#unit(`iac:kubernetes:${label}`, manifests, () => readKubernetes(manifests));
  }

  #json(file: SourceFile, manifests: SourceFile[]): void {
    let parsed: unknown;
    try {
      parsed = readJson(file);
    } catch (error) {
      this.#failed(file, error);
      return;
    }
    if (isTerraformState(parsed))
      this.#unit(`iac:terraform:${file.path}`, [file], () => readTerraformState(file, parsed));
    else if (isTerraformShow(parsed))
      this.#unit(`iac:terraform:${file.path}`, [file], () => readTerraformShow(file, parsed));
    else if (isPulumiExport(parsed))
      this.#unit(`iac:pulumi:${file.path}`, [file], () => readPulumi(file, parsed));
    else if (isCloudSnapshot(parsed)) this.#cloud(file, parsed);
    else if (file.path.endsWith('.tfstate'))
      this.#failed(file, problem(file.path, '', 'is no Terraform state: version and lineage are missing.'));
    else if (file.text.includes('"apiVersion"')) manifests.push(file);
  }

  #cloud(file: SourceFile, parsed: unknown): void {
    try {
      const { structure, scope, takenAt } = readCloudSnapshot(file, parsed);
      this.#add({ source: `iac:cloud:${scope}`, takenAt, hash: sha256Hex(file.text), structure });
    } catch (error) {
      this.#failed(file, error);
    }
  }

  #ansible(files: readonly SourceFile[]): void {
    for (const dir of inventoryDirs(files).keys())
      this.#unit(`ansible:${dir}`, files, () => readAnsible(dir, files));
  }

  #unit(source: string, files: readonly SourceFile[], read: () => Structure): void {
    try {
      const structure = read();
      const hash = sha256Hex(files.map((file) => `${file.path}\n${file.text}`).join('\n'));
      this.#add({ source, takenAt: null, hash, structure });
    } catch (error) {
      const [first] = files;
      this.#unreadable.push(exactly(source));
      this.#note(first?.path ?? source, error);
    }
  }

  #add(unit: Unit): void {
    for (const [what, n] of Object.entries(unit.structure.leftOut)) this.#leave(what, n);
    this.units.push(unit);
  }

  /** Which kind of source a broken file was can't be told: whatever was named after it keeps, and accounts of clouds do. */
  #failed(file: SourceFile, error: unknown): void {
    this.#unreadable.push(within(file.path), /^iac:cloud:/);
    if (/\.ya?ml$/.test(file.path))
      this.#unreadable.push(exactly(`iac:kubernetes:${file.path.split('/')[0]}`));
    if (this.#kind === 'ansible') this.#unreadable.push(/^ansible:/);
    this.#note(file.path, error);
  }

  #note(file: string, error: unknown): void {
    if (!isClewError(error)) throw error;
    const { details } = error satisfies ClewError;
    const text = (key: string) => (typeof details[key] === 'string' ? details[key] : '');
    this.problems.push({
      file: text('file') || file,
      where: text('where'),
      what: text('what') || error.message,
    });
  }

  #leave(what: string, n: number): void {
    if (n > 0) this.leftOut[what] = (this.leftOut[what] ?? 0) + n;
  }
}

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
const exactly = (source: string): RegExp => new RegExp(`^${escaped(source)}$`);
const within = (path: string): RegExp => new RegExp(`^(iac:\\w+|ansible):${escaped(path)}(/|$)`);
