-- Percent rank of every feature within its era, 0 to 1 and NULL where the feature is NULL: input for a model.
select
  ticker,
  era,
  date,
  {{#features}}
  case when {{name}} is not null
    then percent_rank() over (partition by era, {{name}} is null order by {{name}}) end as {{name}}{{^isLast}},{{/isLast}}
  {{/features}}
from features_{{set}}
order by era, ticker
