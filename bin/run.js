#!/usr/bin/env node
// `node bin/run.js SCRIPT …`: any script of this checkout under Node 24 (tests, benchmarks).
import { resolve } from 'node:path';
import { runUnderNode24 } from './node24.js';

const [script, ...args] = process.argv.slice(2);
runUnderNode24(resolve(script ?? ''), args);
