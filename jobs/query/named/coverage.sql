-- Rows, tickers and share of NULL values in each era of a feature set.
select
  era,
  count(*) as num_rows,
  count(distinct ticker) as tickers,
  1e0 - cast(
    {{#features}}count({{name}}){{^isLast}} + {{/isLast}}{{/features}}
    as double) / (count(*) * {{width}}) as null_share
from features_{{set}}
group by era
order by era
