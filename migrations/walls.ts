/** Every key of a tenant's table begins with it. */
export const uuidTenant = 'tenant_id uuid NOT NULL';

/** Every table of a tenant: forced row-level security, so that not even the owner reads across tenants by mistake. */
export const walled = (table: string): string => `
  ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY;
  ALTER TABLE ${table} FORCE ROW LEVEL SECURITY;
  CREATE POLICY one_tenant ON ${table}
    USING (tenant_id = NULLIF(current_setting('sluice.tenant', true), '')::uuid)
    WITH CHECK (tenant_id = NULLIF(current_setting('sluice.tenant', true), '')::uuid);
  GRANT SELECT, INSERT, UPDATE, DELETE ON ${table} TO sluice_runtime;`;
