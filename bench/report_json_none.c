/* report_json_none.c -- stands for report_json.c in a lab that was built without jansson. */
#include <errno.h>

#include "report.h"

const char *lab_json_missing(void)
{
    return "this lab was built without jansson; install it (Debian: libjansson-dev), configure "
           "and build again";
}

int lab_json_check(const char *path)
{
    (void)path;
    errno = ENOSYS;
    return -1;
}

int lab_json_write(const char *path, const lab_machine *machine, const lab_plan *plan,
                   const struct lab_comparison *comparison,
                   const struct lab_findings *findings)
{
    (void)machine, (void)plan, (void)comparison, (void)findings;
    return lab_json_check(path);
}
