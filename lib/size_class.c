/* size_class.c -- the table of size classes as data. */
#include "size_class.h"

#define ROW(slot_size, blocks, slots, magic) {slot_size, blocks, slots, magic},

const struct lull__class lull__classes[LULL__CLASSES] = {LULL__CLASS_TABLE(ROW)};
