-- Patterns whose template or name holds a text or is like a part of it. A function, because the likeness from which words
-- find a template is a setting: pg_trgm's own 0.6 misses a wrong letter in a short word, and only as a setting does the
-- trigram index answer it.
CREATE FUNCTION search_patterns(tenant BIGINT, words TEXT, part TEXT, most INT)
RETURNS TABLE (id BIGINT, holds BOOLEAN, alike REAL)
LANGUAGE sql STABLE SET pg_trgm.word_similarity_threshold = 0.4 AS $$
  SELECT coalesce(p.current_id, p.fingerprint_id), bool_or(p.pattern ILIKE part OR coalesce(p.name, '') ILIKE part),
         max(word_similarity(words, coalesce(p.name, '') || ' ' || p.pattern))
    FROM log_pattern p
   WHERE p.tenant_id = tenant AND (p.pattern ILIKE part OR words <% p.pattern OR p.name ILIKE part OR words <% p.name)
   GROUP BY 1 ORDER BY 2 DESC, 3 DESC, 1 LIMIT most
$$;
CREATE INDEX idx_logpat_name_trgm ON log_pattern USING GIN (name gin_trgm_ops);
