import { hash, randomBytes, randomUUID } from 'node:crypto';

export const newUuid = (): string => randomUUID();

/** 16 random bytes as 32 lower-case hex digits, the W3C trace id form. */
export const newTraceId = (): string => randomBytes(16).toString('hex');

export const sha256Hex = (data: string | Uint8Array): string => hash('sha256', data, 'hex');

/** A random number from 0 up to 1, for pauses that must not fall together. */
export const randomUnit = (): number => randomBytes(4).readUInt32LE() / 2 ** 32;
