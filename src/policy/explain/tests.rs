//! Each flip that is reported is one, and no change of a single fact that is one goes unreported.
