/* format.h -- figures as people read them: three digits and a unit; '-' for what is unknown. */
#ifndef LAB_FORMAT_H
#define LAB_FORMAT_H

#include "terminal.h"

#define LAB_FIGURE 32 /* bytes that a figure takes at most */

/* Each writes into text[LAB_FIGURE] and returns it; a negative value is unknown. */
const char *lab_format_time(char *text, const lab_style *style, double ns);
const char *lab_format_count(char *text, double count);
const char *lab_format_rate(char *text, double per_s);
const char *lab_format_bytes(char *text, double bytes);
const char *lab_format_share(char *text, double share); /* 0.97 is "97 %" */

/* A difference as "+12 %" or "−3.1 %", as "×8.1" from three times on. It holds no blank at which
 * a line could be broken, where the terminal can show such. */
const char *lab_format_change(char *text, const lab_style *style, double change);

/* "738–751 k/s": two figures of one kind, in the unit of the greater. */
const char *lab_format_rates(char *text, const lab_style *style, double least, double greatest);

#endif
