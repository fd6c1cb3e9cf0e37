/**
 * Passes over a statement and its plan that change nothing in ours and cost a third of a window of a minute (measured: the
 * calls of a thousand spans take 60 instead of 100 ms, nearly all of it analysis). What decides how much is read (primary key,
 * filters before columns, limits, unused columns) stays on.
 */
const passes: Record<string, readonly string[]> = {
  optimize: [
    ...['syntax_fuse_functions', 'multiif_to_if', 'injective_functions_inside_uniq', 'uniq_to_count'],
    ...['arithmetic_operations_in_aggregate_functions', 'group_by_function_keys', 'group_by_constant_keys'],
    ...['rewrite_aggregate_function_with_if', 'rewrite_sum_if_to_count_if', 'rewrite_array_exists_to_has'],
    ...['rewrite_has_to_in', 'rewrite_like_perfect_affix', 'rewrite_regexp_functions', 'or_like_chain'],
    ...['injective_functions_in_group_by', 'injective_functions_in_limit_by', 'limit_by_function_keys'],
    ...['normalize_count_variants', 'aggregators_of_group_by_keys', 'truncate_order_by_after_group_by_keys'],
    ...[
      'time_filter_with_preimage',
      'and_compare_chain',
      'redundant_comparisons',
      'empty_string_comparisons',
    ],
    ...['extract_common_expressions', 'inverse_dictionary_lookup', 'dictget_tuple_element'],
    ...['qbit_distance_function_reads'],
  ],
  query_plan: [
    ...['lift_up_array_join', 'lift_up_union', 'split_filter', 'merge_filters', 'merge_expressions'],
    ...['execute_functions_after_sorting', 'remove_redundant_sorting', 'remove_redundant_distinct'],
    ...['try_use_vector_search', 'optimize_lazy_materialization', 'direct_read_from_text_index'],
    ...['text_index_add_hint', 'top_k_through_join', 'convert_outer_join_to_inner_join'],
    ...['convert_any_join_to_semi_or_anti_join'],
  ],
};

/** Settings, as they stand after SETTINGS. */
export const plain = Object.entries(passes)
  .flatMap(([group, names]) => names.map((name) => `${group}_${name} = 0`))
  .join(', ');
