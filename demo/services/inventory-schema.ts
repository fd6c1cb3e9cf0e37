/** Movements of stock that the shop has seen in its life. Large enough that reading them all is felt. */
export const movementsCount = 500_000;

export const tables = `
CREATE TABLE location (name TEXT PRIMARY KEY);
INSERT INTO location VALUES ('ams'), ('fra'), ('iad'), ('sin');
CREATE TABLE stock_movement (
  id INTEGER PRIMARY KEY, sku TEXT NOT NULL, location TEXT NOT NULL, delta INTEGER NOT NULL,
  reason TEXT NOT NULL, at INTEGER NOT NULL
);
INSERT INTO stock_movement (sku, location, delta, reason, at)
  WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ${movementsCount})
  SELECT printf('SKU-%05d', (n * 7919) % 400),
    CASE n % 4 WHEN 0 THEN 'ams' WHEN 1 THEN 'fra' WHEN 2 THEN 'iad' ELSE 'sin' END,
    n % 9 - 1, 'purchase order ' || n, 1700000000 + n
  FROM number;
`;

/** Every index that the schema declares; the repair script creates those that are missing. */
export const indexes: Readonly<Record<string, string>> = {
  stock_movement_by_sku:
    'CREATE INDEX IF NOT EXISTS stock_movement_by_sku ON stock_movement (sku, location, delta)',
};
