/** Runs on the embedded twin and on a server (vitest.config.ts). */
import { describe } from 'vitest';
import { openTestLedger } from '../../src/ledger/testing.ts';
import { ledgerContract } from './ledger-contract.ts';

describe('ledger contract', () => {
  ledgerContract(() => openTestLedger());
});
