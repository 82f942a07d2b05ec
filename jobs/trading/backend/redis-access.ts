/**
 * What a user of a Redis or Valkey server needs to keep trading state whose keys start with `trader-`, in the language of
 * ACL SETUSER: these commands, alone and in scripts, on these keys. Clearing the whole database is not among it.
 */
export const REDIS_ACCESS = [
  'on ~trader-* -@all +@connection -@dangerous',
  '+info +scan +type +eval +evalsha +script|load',
  '+get +lrange +hgetall +smembers +llen +lindex +lpos',
  '+set +del +rpush +sadd +srem +hset +hdel',
].join(' ');
